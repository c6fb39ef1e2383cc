"""What was measured, minute by minute, in PostgreSQL. Everything in it adds up, so any period's figures are exact.

`merge` takes in a batch of readings with the Kafka offsets that they came from; `series`, `figures` and `incidents`
answer questions. `database` opens it, `upgrade` makes the tables.
"""
