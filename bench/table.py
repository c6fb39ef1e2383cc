"""What a run of the bench amounts to, as Markdown: a row for each figure, and which aims are met."""

from collections.abc import Callable
from typing import Any

Figures = dict[str, Any]
"""Of a contender, as in results.json."""

OURS, LIMIT, QUIX = "ours", "bare", "quix"
NOT_PEERS = {OURS, LIMIT, "tutorial"}

LATE_AT_MOST = 5
"""Seconds, of any alert in the first minute."""


def table(results: dict[str, Any]) -> str:
    """Return the figures of results.json, or of what `summarise` returned."""
    contenders, trips = results["contenders"], results["round_trip_ms"]
    lines = [_row("", [each["title"] for each in contenders.values()]), _row("---", ["---"] * len(contenders))]
    lines += [_row(name, [_cell(show, each) for each in contenders.values()]) for name, show in _figures(list(trips))]
    alone = [f"{rate}/s: {ms(figures)}" for rate, figures in trips.items()]
    shown = [f"Latencies are p50 / p99 in ms. Kafka alone: {'; '.join(alone)}"]
    shown += [f"{name} = {value:.2f}" for name, value in results.items() if isinstance(value, float)]
    return "\n".join([*lines, "", *shown, *aims(contenders)])


def ms(figures: dict[str, float]) -> str:
    """Return p50 and p99."""
    return " / ".join(
        f"{figures[each]:,.0f}" if figures[each] >= 100 else f"{figures[each]:.1f}" for each in ("p50", "p99")
    )


def _figures(rates: list[str]) -> list[tuple[str, Callable[[Figures], str]]]:
    """Return each row's name, and how its cell is made."""
    return [
        ("start to first alert, s", lambda each: f"{each['start_seconds']:.1f}"),
        ("memory, MiB", lambda each: f"{each['memory_mib']:.0f}"),
        ("idle, cores", lambda each: f"{each['idle_cores']:.2f}"),
        *((f"cores at {rate}/s", lambda each, rate=rate: f"{each['cores'][rate]:.2f}") for rate in rates),
        *((f"alerts at {rate}/s", lambda each, rate=rate: ms(each["alerts_ms"][rate])) for rate in rates),
        *((f"statuses at {rate}/s", lambda each, rate=rate: ms(each["statuses_ms"][rate])) for rate in rates),
        ("first minute: latest, s", lambda each: f"{each['first_minute']['latest']:.1f}"),
        ("first minute: at its end, ms", lambda each: f"{each['first_minute']['at_the_end'] * 1000:,.0f}"),
        ("backlog, readings/s", lambda each: f"{each['drained_per_second']:,.0f}"),
        ("backlog, µs of processor a reading", lambda each: f"{each['drain_cpu_micros_a_reading']:.0f}"),
        ("overload: latest, s", lambda each: f"{each['overload']['latest']:.1f}"),
        ("overload: live again after, s", lambda each: f"{each['overload']['live_again']:.1f}"),
    ]


def _cell(show: Callable[[Figures], str], figures: Figures) -> str:
    """Return a figure, or a dash where it was not measured."""
    try:
        return show(figures)
    except (KeyError, TypeError):
        return "-"


def _row(name: str, cells: list[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


def aims(contenders: dict[str, Figures]) -> list[str]:
    """Return a table of what this monitor aims at beside the others, as far as that was measured."""
    try:
        found = _aims(contenders)
    except KeyError:
        return []
    rows = [_row(what, [aim, is_, "yes" if met else "**no**"]) for what, aim, is_, met in found]
    return ["", _row("", ["aim", "measured", "met"]), _row("---", ["---"] * 3), *rows]


def _aims(contenders: dict[str, Figures]) -> list[tuple[str, str, str, bool]]:
    """Return what is aimed at: in words, the aim, the figure, whether it is met. Raises KeyError."""
    ours, limit, quix = contenders[OURS], contenders[LIMIT], contenders[QUIX]
    peers = [each for name, each in contenders.items() if name not in NOT_PEERS]
    alert, status = ours["alerts_ms"]["300"], ours["statuses_ms"]["300"]
    ratio = alert["p50"] / limit["alerts_ms"]["300"]["p50"]
    fast, best_fast = ours["alerts_ms"]["3000"]["p99"], min(each["alerts_ms"]["3000"]["p99"] for each in peers)
    drained = ours["drained_per_second"]
    best = max(2 * quix["drained_per_second"], *(each["drained_per_second"] for each in peers))
    minute = ours["first_minute"]
    cores, idle = ours["cores"]["300"], ours["idle_cores"]
    return [
        ("alert p50 at 300/s, times the bare client's", "2", f"{ratio:.1f}", ratio <= 2),
        ("alert p99 at 300/s, ms", "10", f"{alert['p99']:.1f}", alert["p99"] <= 10),
        ("status p50 at 300/s, ms", "5", f"{status['p50']:.1f}", status["p50"] <= 5),
        ("status p99 at 300/s, ms", "20", f"{status['p99']:.1f}", status["p99"] <= 20),
        ("alert p99 at 3000/s, warm, ms: the best peer's", f"{best_fast:.1f}", f"{fast:,.1f}", fast <= best_fast),
        ("first minute at 3000/s: latest, s", "5", f"{minute['latest']:.1f}", minute["latest"] <= LATE_AT_MOST),
        ("first minute at 3000/s: at its end, s", "1", f"{minute['at_the_end']:.1f}", minute["at_the_end"] <= 1),
        ("backlog, readings/s: 2 × Quix, the best peer", f"{best:,.0f}", f"{drained:,.0f}", drained >= best),
        ("cores at 300/s", "0.3", f"{cores:.2f}", cores <= 0.3),
        ("cores at rest", "0.05", f"{idle:.2f}", idle <= 0.05),
        ("memory, MiB", "900", f"{ours['memory_mib']:.0f}", ours["memory_mib"] <= 900),
        ("start to first alert, s", "10", f"{ours['start_seconds']:.1f}", ours["start_seconds"] <= 10),
        *_live_again(ours["overload"]),
    ]


def _live_again(overload: dict[str, float]) -> list[tuple[str, str, str, bool]]:
    """Return the aim of an overload, if there was one."""
    if not overload:
        return []
    seconds = overload["live_again"]
    return [("overload of 10,000/s: live again after, s", "60", f"{seconds:.0f}", seconds <= 60)]
