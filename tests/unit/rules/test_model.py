"""The rules that ship with the monitor, and what is reported of each kind of mistake."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unreadable import unreadable

from rules import file as rules_file
from rules.model import Rules, Silence
from spark_monitor.tools import rule_tests

FILE = Path(__file__).parents[3] / "services/spark-monitor/rules.yaml"
TEXT = FILE.read_text("utf-8")


def mistakes(*changes: tuple[str, str]) -> list[str]:
    """Return what is reported of the shipped file after changes to its text: `line: path: what`."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    found = rules_file.check(text)
    return [] if isinstance(found, Rules) else [each.said(Path("f")).removeprefix("f:") for each in found]


def line_of(text: str) -> int:
    """Return the number of the first line of the shipped file that has a text."""
    return next(number for number, line in enumerate(TEXT.splitlines(), 1) if text in line)


def test_the_shipped_rules_are_those_of_the_warehouse_and_the_factory() -> None:
    rules = rules_file.load(FILE)
    assert {name: (alert.stream, alert.comparison, alert.threshold) for name, alert in rules.alerts.items()} == {
        "suhu_tinggi": ("suhu", "above", 80),
        "kelembaban_tinggi": ("kelembaban", "above", 70),
        "suhu_mesin_tinggi": ("mesin", "above", 80),
    }
    assert rules.topics == ("sensor-suhu-gudang", "sensor-kelembaban-gudang", "sensor-suhu")
    assert rules.combined_topics == ("sensor-suhu-gudang", "sensor-kelembaban-gudang")
    assert rules.statuses["gudang"].within_seconds == 10
    assert {text.alerts: text.text for text in rules.statuses["gudang"].texts} == {
        frozenset({"suhu_tinggi", "kelembaban_tinggi"}): "Bahaya tinggi! Barang berisiko rusak",
        frozenset({"suhu_tinggi"}): "Suhu tinggi, kelembaban normal",
        frozenset({"kelembaban_tinggi"}): "Kelembaban tinggi, suhu aman",
        frozenset(): "Aman",
    }


def test_alerts_of_a_stream_and_statuses_with_it() -> None:
    rules = rules_file.load(FILE)
    assert list(rules.alerts_of("suhu")) == ["suhu_tinggi"]
    assert list(rules.alerts_in(rules.statuses["gudang"])) == ["suhu_tinggi", "kelembaban_tinggi"]
    assert (rules.statuses_with("suhu"), rules.statuses_with("mesin")) == (["gudang"], [])


KINDS = {
    "unknown stream of an alert": (
        [("    stream: kelembaban\n", "    stream: basah\n")],
        "stream: kelembaban",
        "alerts.kelembaban_tinggi.stream: expected one of the streams kelembaban, mesin, suhu; found 'basah'",
    ),
    "unknown stream of a status": (
        [("streams: [suhu, kelembaban]", "streams: [suhu, basah]")],
        "streams: [suhu",
        "statuses.gudang.streams.1: expected one of the streams kelembaban, mesin, suhu; found 'basah'",
    ),
    "duplicate name": (
        [("  kelembaban_tinggi:\n    stream", "  suhu_tinggi:\n    stream")],
        "  kelembaban_tinggi:",
        "alerts.suhu_tinggi: the name stands here twice",
    ),
    "limit outside what is plausible": (
        [("above: 70", "above: 170")],
        "above: 70",
        "alerts.kelembaban_tinggi.above: expected what is plausible for kelembaban, -5 to 105; found 170",
    ),
    "an entity's limit outside what is plausible": (
        [("above: 70", "overrides: {G2: -10}\n    above: 70")],
        "above: 70",
        "alerts.kelembaban_tinggi.overrides.G2: expected what is plausible for kelembaban, -5 to 105; found -10",
    ),
    "a place that does not exist in a message": (
        [("Kelembaban {value}", "Kelembaban {nilai}")],
        "Kelembaban {value}",
        "alerts.kelembaban_tinggi.message: {nilai} is not known here; known are {entity}, {value}",
    ),
    "a place that does not exist in a status": (
        [("({missing})", "({hilang})")],
        "({missing})",
        "statuses.gudang.incomplete: {hilang} is not known here; known are {missing}",
    ),
    "a place with a format of its own": (
        [("{value}{unit} - {time}", "{value:.1f}{unit} - {time}")],
        "{value}{unit} - {time}",
        "alerts.suhu_tinggi.message: expected {value} without a format of its own",
    ),
    "streams that can't be told apart": (
        [("sensor-kelembaban-gudang", "sensor-suhu-gudang"), ("value_field: kelembaban", "value_field: suhu")],
        "value_field: kelembaban",
        "streams.kelembaban.value_field: expected another than that of suhu, which reads the same topic",
    ),
    "streams on one topic with other entities": (
        [("    topic: sensor-suhu\n", "    topic: sensor-suhu-gudang\n"), ("    event_time: kafka", "    #")],
        "entity_field: sensor_id",
        "streams.mesin.entity_field: expected 'gudang_id' as in suhu, which reads the same topic",
    ),
    "status over one stream": (
        [("streams: [suhu, kelembaban]", "streams: [suhu]")],
        "streams: [suhu",
        "statuses.gudang.streams: expected two or more different streams",
    ),
    "a combination without words": (
        [("      - alerts: [suhu_tinggi]\n        text: Suhu tinggi, kelembaban normal\n", "")],
        "texts:",
        "statuses.gudang.texts: expected a text for the alerts [suhu_tinggi]",
    ),
    "an unknown key": (
        [('    unit: "%"', '    units: "%"')],
        'unit: "%"',
        "streams.kelembaban.units: Extra inputs are not permitted; found '%'",
    ),
    "a missing key": (
        [('    unit: "%"\n', "")],
        "  kelembaban:",
        "streams.kelembaban.unit: Field required",
    ),
    "two comparisons": (
        [("above: 70", "above: 70\n    below: 10")],
        "  kelembaban_tinggi:",
        "alerts.kelembaban_tinggi: expected one of above, at_least, below, at_most, found above, below",
    ),
    "text as a number": (
        [("above: 70", "above: hot")],
        "above: 70",
        "alerts.kelembaban_tinggi.above: Input should be a valid number, unable to parse string",
    ),
    "an unknown section": (
        [("statuses:\n", "states:\n")],
        "statuses:",
        "states: unknown section; known are streams, alerts, statuses",
    ),
    "the canary's name": (
        [("  mesin: #", "  kenari: #"), ("stream: mesin", "stream: kenari")],
        "  mesin:",
        "streams.kenari: expected another name: this one is the monitor's own",
    ),
    "the canary's alert": (
        [("  suhu_mesin_tinggi:", "  kenari:")],
        "  suhu_mesin_tinggi:",
        "alerts.kenari: expected another name: this one is the monitor's own",
    ),
    "the canary's topic": (
        [("topic: sensor-kelembaban-gudang", "topic: monitor-kenari")],
        "topic: sensor-kelembaban-gudang",
        "streams.kelembaban.topic: expected another topic: this one is the monitor's own",
    ),
    "a deadband below 0": (
        [("deadband: 1", "deadband: -1")],
        "severity: critical",
        "alerts.suhu_tinggi.incident.deadband: Input should be greater than or equal to 0; found -1",
    ),
    "a deadband that leads out of what is plausible": (
        [("deadband: 1", "deadband: 171")],
        "severity: critical",
        "alerts.suhu_tinggi.incident.deadband: expected one by which 80 stays within what is plausible for suhu",
    ),
    "a deadband that is more than the limit": (
        [("above: 70", "above: -4.5")],
        "severity: warning",
        "alerts.kelembaban_tinggi.incident.deadband: expected one by which -4.5 stays within what is plausible",
    ),
    "a severity that is not known": (
        [("severity: warning", "severity: high")],
        "severity: warning",
        "alerts.kelembaban_tinggi.incident.severity: Input should be 'info', 'warning' or 'critical'; found 'high'",
    ),
    "an interval of nothing": (
        [("{interval: 1}", "{interval: 0}")],
        "silence: {interval: 1}",
        "streams.suhu.silence.interval: Input should be greater than 0; found 0",
    ),
    "silent before the next reading is due": (
        [("{interval: 1}", "{interval: 60, silent_after: 60}")],
        "silence: {interval: 1}",
        "streams.suhu.silence: expected interval < silent_after < forget_after",
    ),
    "a range upside down": (
        [("[-5, 105]", "[105, -5]")],
        "[-5, 105]",
        "streams.kelembaban.plausible: expected [lowest, highest]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_mistake_is_said_with_its_line_and_path(kind: str) -> None:
    changes, where, said = KINDS[kind]
    found = mistakes(*changes)
    assert any(each.startswith(f"{line_of(where)}: {said}") for each in found), (line_of(where), found)


def test_a_wrong_interval_is_said_once() -> None:
    assert len(mistakes(("{interval: 1}", "{interval: soon}"))) == 1


def test_what_is_silent_and_what_makes_incidents() -> None:
    rules = rules_file.load(FILE)
    assert rules.watched_streams == ("suhu", "kelembaban", "mesin")
    assert rules.watched_topics == rules.topics
    silence = rules.streams["suhu"].silence
    assert silence is not None
    assert (silence.interval, silence.silent_after, silence.forget_after) == (1, 5, 3600)
    assert Silence.model_validate({"interval": 20}).silent_after == 60
    incident = rules.alerts["suhu_tinggi"].incident
    assert incident is not None
    assert (incident.severity, incident.on_delay, incident.off_delay, incident.deadband) == ("critical", 30, 30, 1)
    assert [stream.entity_label for stream in rules.streams.values()] == ["Gudang", "Gudang", "Sensor"]


def test_a_stream_without_silence_or_incidents_is_not_watched() -> None:
    text = TEXT.replace("    silence: {interval: 1}\n", "", 1)
    found = rules_file.check(text.replace(text[text.index("    incident: {severity: warning") :].split("\n")[0], "", 1))
    assert isinstance(found, Rules)
    assert found.watched_streams == ("suhu", "mesin")
    assert found.watched_topics == ("sensor-suhu-gudang", "sensor-suhu")


def test_the_version_is_that_of_the_content() -> None:
    """Not of the comments, nor of the process: a set of names has another order in each."""
    versions = {
        subprocess.run(
            [sys.executable, "-c", PRINT_VERSION, str(FILE)], env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }  # fmt: skip
    (version,) = versions
    assert re.fullmatch(r"[0-9a-f]{12}", version)
    without_comments = rules_file.check(re.sub(r"#.*", "", TEXT))
    other = rules_file.check(TEXT.replace("on_delay: 30", "on_delay: 31", 1))
    assert isinstance(without_comments, Rules)
    assert isinstance(other, Rules)
    assert without_comments.version == version != other.version


PRINT_VERSION = """
import sys, pathlib
from rules import file as rules_file
print(rules_file.load(pathlib.Path(sys.argv[1])).version, end="")
"""


def test_all_mistakes_come_in_one_run_by_line() -> None:
    found = mistakes(("above: 80", "above: 800"), ("above: 70", "above: 700"), ("[-5, 105]", "[-5, 105, 5]"))
    assert len(found) == 2, "kelembaban's range is wrong, so its limit can't be judged"
    assert [int(each.split(":")[0]) for each in found] == sorted(int(each.split(":")[0]) for each in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("streams: [", "f:1: file: not YAML: "),
        ("", "f:1: file: expected the sections streams, alerts, statuses"),
        ("[]", "f:1: file: expected the sections streams, alerts, statuses"),
        ("alerts: {}", "f:1: streams: expected names with what belongs to each"),
        ("streams: 5", "f:1: streams: expected names with what belongs to each"),
        ("streams: {A: {}}", "f:1: streams.A: String should match pattern"),
        ("streams:\n  a: \x07", "f:2: file: not YAML: the character U+0007 is not allowed"),
        ("streams:\n  ? [a]\n  : b", "f:2: file: not YAML: found unhashable key"),
        ("?", "f:1: None: unknown section; known are streams, alerts, statuses"),
        ("streams:\n  a: &a {x: *a}", "f:2: streams.a.topic: Field required"),
    ],
)
def test_a_file_of_another_kind_is_refused(text: str, said: str) -> None:
    found = rules_file.check(text)
    assert not isinstance(found, Rules)
    assert any(each.said(Path("f")).startswith(said) for each in found), [each.said(Path("f")) for each in found]


def test_alerts_that_are_no_names_are_said_though_a_status_needs_them() -> None:
    head, rest = TEXT.split("alerts:\n", 1)
    text = head + "alerts: 5\n\nstatuses:" + rest.split("\nstatuses:", 1)[1]
    found = rules_file.check(text)
    assert isinstance(found, list)
    assert "expected names with what belongs to each" in found[0].text


def test_a_file_with_the_wrong_rights_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.touch()
    shipped = rules_file.load(FILE)
    with unreadable(file) as user:
        said = f"{file}: user {user} can't read it; on the host: chmod go+r <file>"
        with pytest.raises(rules_file.RulesError) as rules:
            rules_file.load(file)
        with pytest.raises(rules_file.RulesError) as tests:
            rule_tests.load(file, shipped)
    assert (str(rules.value), str(tests.value)) == (said, said)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(rules_file.RulesError, match=r"rules\.yaml: can't be read"):
        rules_file.load(tmp_path / "rules.yaml")
