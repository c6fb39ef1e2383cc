"""The exact lines about incidents and silences."""

from zoneinfo import ZoneInfo

import pytest

from rules.model import Stream
from spark_monitor.incidents.wording import PersonsWord, Words, duration, nobody_waits, without_rule

JAKARTA = ZoneInfo("Asia/Jakarta")
AT = 1795321758.9
"""2026-11-22 11:29:18 in Jakarta, and nine tenths of a second."""

SUHU = Stream(
    topic="t", entity_field="e", value_field="v", label="Suhu", unit="°C", plausible=(-90, 200)
)  # fmt: skip
MESIN = SUHU.model_copy(update={"value_type": "integer", "entity_label": "Sensor"})
KELEMBABAN = SUHU.model_copy(update={"label": "Kelembaban", "unit": "%"})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 detik"), (0.9, "0 detik"), (-3, "0 detik"), (43.99, "43 detik"), (60, "1 menit"),
        (123, "2 menit 3 detik"), (252, "4 menit 12 detik"), (900, "15 menit"),
        (3600, "1 jam"), (3659, "1 jam"), (3900, "1 jam 5 menit"),
        (86_400, "1 hari"), (86_400 + 59, "1 hari"), (97_200, "1 hari 3 jam"), (40 * 86_400, "40 hari"),
    ],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_lines_of_an_incident() -> None:
    words = Words(SUHU, JAKARTA)
    assert words.opened("G1", 84.31, "above", 80.0, AT) == (
        "[Insiden Dibuka] Gudang G1: Suhu 84.31°C > 80 - 2026-11-22 11:29:18"
    )
    assert words.goes_on("G1", 900, 88.02, AT) == (
        "[Insiden Berlanjut] Gudang G1: Suhu, 15 menit, puncak 88.02°C - 2026-11-22 11:29:18"
    )
    assert words.unknown("G1", 43.2, AT) == (
        "[Insiden Tidak Diketahui] Gudang G1: Suhu, data tidak terkirim sejak 43 detik - 2026-11-22 11:29:18"
    )
    assert words.closed("G1", 252, 88.02, 84.9, AT + 252) == (
        "[Insiden Selesai] Gudang G1: Suhu, 4 menit 12 detik, puncak 88.02°C, MKT 84.90°C - 2026-11-22 11:33:30"
    )
    assert Words(KELEMBABAN, JAKARTA).closed("G1", 61, 72.0, None, AT) == (
        "[Insiden Selesai] Gudang G1: Kelembaban, 1 menit 1 detik, puncak 72.00% - 2026-11-22 11:29:18"
    )
    assert Words(MESIN, ZoneInfo("UTC")).opened("S1", 91.0, "at_most", 80.5, AT) == (
        "[Insiden Dibuka] Sensor S1: Suhu 91°C ≤ 80.5 - 2026-11-22 04:29:18"
    )
    assert without_rule("G1", "suhu_tinggi", AT, JAKARTA) == (
        "[Insiden Selesai] G1: aturan suhu_tinggi tidak ada lagi - 2026-11-22 11:29:18"
    )


def test_the_lines_of_a_silence() -> None:
    words = Words(SUHU, JAKARTA)
    assert words.silent("G1", "suhu-7f3a", 43) == (
        "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 43 detik (suhu-7f3a)"
    )
    assert words.silent("G1", None, 43) == "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 43 detik"
    assert words.back("G1", "suhu-7f3a", 123) == (
        "[Sensor Kembali] Gudang G1: suhu terkirim lagi setelah 2 menit 3 detik (suhu-7f3a)"
    )
    assert words.never_heard("G1", 60) == "[Sensor Diam] Gudang G1: suhu belum pernah terkirim sejak 1 menit"
    word = PersonsWord("Budi", "dipindah\nke G2")
    assert words.retired("G1", "suhu-7f3a", 3600, word) == (
        "[Sensor Dilepas] Gudang G1: suhu tidak ditunggu lagi setelah 1 jam (suhu-7f3a), oleh Budi: dipindah�ke G2"
    )
    assert words.retired("G1", None, None, PersonsWord("Budi", "")) == (
        "[Sensor Dilepas] Gudang G1: suhu tidak ditunggu lagi, oleh Budi"
    )
    assert words.replaced("G1", "a", "b") == "[Sensor Diganti] Gudang G1: suhu kini dari b, dulu a"
    assert nobody_waits("G9", word) == "[Tidak Dikenal] G9: tidak ada sensor yang ditunggu, oleh Budi: dipindah�ke G2"


def test_a_machine_that_is_its_own_sensor_is_named_once() -> None:
    assert Words(MESIN, JAKARTA).silent("S1", "S1", 5) == "[Sensor Diam] Sensor S1: suhu tidak terkirim sejak 5 detik"


def test_a_sensors_name_forges_no_line() -> None:
    said = Words(SUHU, JAKARTA).silent("G1", "x\n[Insiden Selesai] Gudang G1\u202e", 5)
    assert said == "[Sensor Diam] Gudang G1: suhu tidak terkirim sejak 5 detik (x�[Insiden Selesai] Gudang G1�)"


@pytest.mark.parametrize("at", [253_402_300_800.0, 1e300, -1e300, float("nan"), float("inf")])
def test_what_no_calendar_has_or_could_not_be_computed_is_left_out(at: float) -> None:
    words = Words(SUHU, JAKARTA)
    assert words.opened("G1", 84.31, "above", 80.0, at) == "[Insiden Dibuka] Gudang G1: Suhu 84.31°C > 80"
    assert words.goes_on("G1", 900, 88.02, at) == "[Insiden Berlanjut] Gudang G1: Suhu, 15 menit, puncak 88.02°C"
    assert words.closed("G1", None, None, None, at) == "[Insiden Selesai] Gudang G1: Suhu"
    assert without_rule("G1", "suhu_tinggi", at, JAKARTA) == "[Insiden Selesai] G1: aturan suhu_tinggi tidak ada lagi"


def test_a_time_before_1970_is_one() -> None:
    assert Words(SUHU, ZoneInfo("UTC")).unknown("G1", 5, -1.0) == (
        "[Insiden Tidak Diketahui] Gudang G1: Suhu, data tidak terkirim sejak 5 detik - 1969-12-31 23:59:59"
    )
