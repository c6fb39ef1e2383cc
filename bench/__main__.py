"""Runs the contenders in turns and shows what was measured: a table, bench/out/results.json, a picture."""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.broker import bench_kafka
from bench.contender import CONTENDERS, Contender, beside
from bench.measure import NotEqual, Plan, Run, median_of, percentiles, run
from bench.round_trip import round_trip
from bench.table import table
from devstack.layout import ROOT

OUT = ROOT / "bench" / "out"
PLANS = {
    "full": Plan(
        rounds=2,
        rates=(10_000, 3000, 300, 6),
        warm_up=180_000,
        measured=15,
        rest=90,
        idle=30,
        backlog=1_000_000,
        overload=300,
    ),
    "change": Plan(rounds=3, rates=(300,), warm_up=30_000, measured=15, rest=15, idle=10, backlog=100_000),
    "quick": Plan(rounds=1, rates=(300,), warm_up=12_000, measured=7, rest=5, idle=5, backlog=10_000),
    "smoke": Plan(rounds=1, rates=(20,), warm_up=500, measured=3, rest=0, idle=1, backlog=500),
}
RATE = 300
"""The rate at which the ratios are taken, where the plan has it."""


def main() -> None:
    """Measure, and say what came out; exit with 1 if a contender's results were not equal to the others'."""
    known = {each.name: each for each in CONTENDERS}
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("plan", choices=PLANS, nargs="?", default="full", help="change: for --beside, 15 minutes")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print the table of an earlier run instead")
    parser.add_argument("--within", type=Path, metavar="PAGE", help="only check that a page has that table")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=known)
    parser.add_argument(
        "--beside", type=Path, nargs="+", default=[], metavar="CHECKOUT", help="measure other checkouts' too"
    )
    parser.add_argument("--seconds", type=float, help="of each rate that are measured, instead of the plan's")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.show is not None:
        shown = table(json.loads(arguments.show.read_text()))
        if arguments.within is None:
            print(shown)
        elif shown not in arguments.within.read_text("utf-8"):
            sys.exit(f"{arguments.within}: expected the table of {arguments.show} (`--show` prints it)")
        return
    plan = PLANS[arguments.plan]
    if arguments.seconds is not None:
        plan = replace(plan, measured=arguments.seconds)
    contenders = [known[name] for name in arguments.only or known]
    others = [beside(checkout) for checkout in arguments.beside]
    contenders += others
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs, trips, faults = measure(contenders, plan)
    results = summarise(contenders, runs, plan, arguments.out)
    if "ours" in results["contenders"]:
        results |= beside_others(results["contenders"], others, plan)
    results |= {
        "plan": arguments.plan,
        "not_counted": faults,
        "round_trip_ms": {rate: median_of([percentiles(trip) for trip in trips[rate]]) for rate in plan.rates},
    }
    (arguments.out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))
    for name, reason in faults.items():
        print(f"{name} does not count: {reason}", file=sys.stderr)
    sys.exit(1 if faults else 0)


def measure(
    contenders: list[Contender], plan: Plan
) -> tuple[dict[str, list[Run]], dict[int, list[list[float]]], dict[str, str]]:
    """Return each contender's rounds, Kafka's round trips by rate, and why some contenders do not count."""
    runs: dict[str, list[Run]] = {each.name: [] for each in contenders}
    trips: dict[int, list[list[float]]] = {rate: [] for rate in plan.rates}
    faults: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        bench_kafka(Path(folder, "kafka"), {each.pom for each in contenders}) as (bootstrap, fetched),
    ):
        for number in range(plan.rounds):
            for rate in plan.rates:
                trips[rate].append(round_trip(bootstrap, rate, plan))
            for each in contenders:
                begun = time.monotonic()
                print(f"round {number + 1} of {plan.rounds}: {each.title} … ", end="", flush=True)
                try:
                    measured = run(
                        each, bootstrap, fetched[each.pom], Path(folder, each.name), plan, is_first=number == 0
                    )
                    runs[each.name].append(measured)
                    print(f"{time.monotonic() - begun:.0f} s", flush=True)
                except (NotEqual, TimeoutError) as error:
                    faults[each.name] = str(error)
                    print(f"does not count: {error}", flush=True)
    return runs, trips, faults


def summarise(contenders: list[Contender], runs: dict[str, list[Run]], plan: Plan, out: Path) -> dict[str, Any]:
    """Return the medians over the rounds and the ratios between contenders; the samples go to files in `out`."""
    found: dict[str, Any] = {}
    samples: list[str] = []
    for each in contenders:
        rounds = runs[each.name]
        if len(rounds) < plan.rounds:
            continue
        found[each.name] = {
            "title": each.title,
            "start_seconds": statistics.median(one.start for one in rounds),
            "idle_cores": rounds[0].idle_cores,
            "memory_mib": statistics.median(one.memory for one in rounds),
            "drained_per_second": rounds[0].drained,
            "drain_cpu_micros_a_reading": rounds[0].drain_cpu_micros,
            "first_minute": median_of([one.first_minute for one in rounds]),
            "overload": rounds[0].overload,
            "cores": {rate: statistics.median(one.cores[rate] for one in rounds) for rate in plan.rates},
            "alerts_ms": {rate: median_of([percentiles(one.alerts[rate]) for one in rounds]) for rate in plan.rates},
            "statuses_ms": {
                rate: median_of([percentiles(one.statuses[rate]) for one in rounds]) for rate in plan.rates
            },
        }
        file = out / f"samples-{each.name}.json"
        file.write_text(json.dumps([{"alerts": one.alerts, "statuses": one.statuses} for one in rounds]))
        samples.append(file.name)
    return ratios(found, plan) | {"contenders": found, "samples": samples, "machine": machine()}


def ratios(found: dict[str, Any], plan: Plan) -> dict[str, float]:
    """Return this monitor's figures and how they compare, as far as both sides were measured."""
    rate = RATE if RATE in plan.rates else plan.rates[0]
    if "ours" not in found:
        return {}
    ours = found["ours"]
    result = {
        "alert_p50_ms": ours["alerts_ms"][rate]["p50"],
        "alert_p99_ms": ours["alerts_ms"][rate]["p99"],
        "status_p50_ms": ours["statuses_ms"][rate]["p50"],
        "idle_cores": ours["idle_cores"],
    }
    if "bare" in found:
        result["alert_p50_vs_limit"] = result["alert_p50_ms"] / found["bare"]["alerts_ms"][rate]["p50"]
    if "tutorial" in found:
        result["seed_design_p50_vs_ours"] = found["tutorial"]["alerts_ms"][rate]["p50"] / result["alert_p50_ms"]
    if "quix" in found:
        result["drain_vs_quix"] = ours["drained_per_second"] / found["quix"]["drained_per_second"]
    return result


def beside_others(found: dict[str, Any], others: list[Contender], plan: Plan) -> dict[str, float]:
    """Return this monitor's figures as multiples of those of other checkouts."""
    ratio: dict[str, float] = {}
    for name in (other.name for other in others if other.name in found):
        ours, its = found["ours"], found[name]
        for rate in plan.rates:
            for kind in ("alerts", "statuses"):
                for cut in ("p50", "p99"):
                    ratio[f"{kind}_{cut}_at_{rate}_vs_{name}"] = (
                        ours[f"{kind}_ms"][rate][cut] / its[f"{kind}_ms"][rate][cut]
                    )
            ratio[f"cores_at_{rate}_vs_{name}"] = ours["cores"][rate] / its["cores"][rate]
        for figure in ("idle_cores", "memory_mib", "drained_per_second", "drain_cpu_micros_a_reading"):
            ratio[f"{figure}_vs_{name}"] = ours[figure] / its[figure]
    return ratio


def machine() -> dict[str, Any]:
    """Return what it ran on."""
    return {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}


if __name__ == "__main__":
    main()
