"""The topics' names. infra/topic-init/topics.yaml says how each is made, docs/messages.md what is in it."""

SUHU = "sensor-suhu-gudang"
KELEMBABAN = "sensor-kelembaban-gudang"
MESIN = "sensor-suhu"
"""The factory's machines."""

ALERTS = "monitor-peringatan"
STATUSES = "monitor-status"
REFUSED = "monitor-ditolak"
INCIDENTS = "monitor-insiden"
ACTIONS = "monitor-tindakan"
"""What a person does about incidents and sensors, and what the rules say of sensors that never spoke."""

CANARY = "monitor-kenari"
"""The canary's readings, its pulses."""

HEARTBEATS = "monitor-detak"
"""The canary's alerts."""

RESULTS = (ALERTS, STATUSES, REFUSED, INCIDENTS, HEARTBEATS)
"""What the monitor writes and reads back."""
