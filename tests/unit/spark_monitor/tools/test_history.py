"""How the history of a day is shown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from history.figures import Figures
from history.gaps import Gap
from history.series import Point, Series
from rules import file as rules_file
from spark_monitor.tools.history import CHART_WIDTH, gap_line, point_line, sensor_lines

ROOT = Path(__file__).parents[4]
JAKARTA = ZoneInfo("Asia/Jakarta")
BEGIN = datetime(2026, 11, 21, 17, tzinfo=UTC)
GAP = Gap(BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=2.5), "sensor")
SUHU = rules_file.load(ROOT / "services/spark-monitor/rules.yaml").streams["suhu"]


def hours(number: float) -> datetime:
    return BEGIN + timedelta(hours=number)


def test_a_row_has_the_figures_and_a_bar_between_the_day_s_bounds() -> None:
    line = point_line(Point(BEGIN, 70.0, 75.0, 80.0, 60), 70.0, 80.0, "%.2f", JAKARTA)
    assert line.startswith("  00:00    70.00     75.00     80.00 │")
    bar = line.split("│")[1]
    assert len(bar) == CHART_WIDTH
    assert bar.strip("─") == "█"


def test_a_day_of_one_value_has_a_bar_of_one_place() -> None:
    assert point_line(Point(BEGIN, 70.0, 70.0, 70.0, 1), 70.0, 70.0, "%.2f", JAKARTA).split("│")[1].strip() == "█"


def test_a_gap_says_from_when_to_when_and_whose_it_is() -> None:
    assert gap_line(GAP, JAKARTA) == "  01:00–02:30 tidak ada data: sensor tidak mengirim (90 menit)"
    assert "sistem mati" in gap_line(Gap(GAP.start, GAP.end, "system"), JAKARTA)


def test_what_lasts_less_than_a_minute_is_told_in_seconds() -> None:
    short = Gap(BEGIN, BEGIN + timedelta(seconds=59), "sensor")
    assert gap_line(short, JAKARTA).endswith("(59 detik)")


def test_a_sensor_s_lines_are_its_figures_and_its_hours_and_gaps_in_order() -> None:
    amounts = Figures(
        sensor_id="suhu-7f3a", n=120, min=70.0, min_at=hours(0), max=84.5, max_at=hours(3), mean=76.25, mkt=77.1,
        seconds_beyond={"suhu_tinggi": 1800.0}, interval=60.0, coverage=0.9375, gaps=(GAP,), late=0, kafka_time=0,
    )  # fmt: skip
    points = tuple(Point(hours(each), 70.0, 75.0, 80.0, 60) for each in (0, 3))
    found = list(sensor_lines(Series("suhu-7f3a", points, (GAP,)), amounts, SUHU, JAKARTA))
    assert found[:3] == [
        "Sensor suhu-7f3a: Suhu (°C)",
        "  120 bacaan, rata-rata 76.25, terendah 70.00 (00:00), tertinggi 84.50 (03:00), MKT 77.10",
        "  cakupan 93.8%, suhu_tinggi: 30 menit",
    ]
    assert [each[:7] for each in found[3:]] == ["  00:00", "  01:00", "  03:00"]
