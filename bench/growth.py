"""How this monitor's cost grows with the rate, with the warehouses and with the partitions. A table and growth.json."""

import argparse
import json
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from bench.broker import bench_kafka, renew_topics
from bench.contender import OURS, Running
from bench.measure import WARM_UP_RATE, NotEqual, come_to_rest, percentiles, started
from bench.readings import Series
from bench.results import CLIENT, Reader
from bench.send import sending
from devstack.layout import ROOT

OUT = ROOT / "bench" / "out"
WARM_UP_SECONDS = 20
"""The same for all points, or Java would have compiled more of it at one than at another."""

REST_SECONDS = 240
"""How long it may go on with the incidents of the warehouses that have just become known, before it is measured."""

MEASURED_SECONDS = 15
RESULTS_SECONDS = 600
"""How long the results may take when the readings come faster than they are judged."""

PARSED_PER_SECOND = 500
"""How many results are looked into; the others are only counted, or the observer would take a core of its own."""


@dataclass(frozen=True)
class Point:
    """One measurement. `grows` is what is varied, the others are at their middle."""

    grows: str
    rate: int = 1_000
    warehouses: int = 1_000
    partitions: int = 1


POINTS = (
    *(Point("rate", rate=rate) for rate in (100, 1_000, 3_000, 10_000, 50_000)),
    *(Point("warehouses", warehouses=count) for count in (3, 1_000, 100_000)),
    *(Point("partitions", partitions=count) for count in (1, 4, 16)),
)


class Sampler(threading.Thread):
    """Reads all results and looks into some of them."""

    def __init__(self, bootstrap: str, rate: float) -> None:
        super().__init__(daemon=True)
        self.alerts: list[float] = []
        self.statuses: list[float] = []
        self.done = threading.Event()
        self._every = max(1, round(rate / PARSED_PER_SECOND))
        self._consumer = Consumer({"bootstrap.servers": bootstrap, **CLIENT})
        places = [TopicPartition(topic, 0) for topic in (OURS.alerts, OURS.statuses)]
        for place, end in zip(places, ends(self._consumer), strict=True):
            place.offset = end
        self._consumer.assign(places)

    def run(self) -> None:
        """Read until `done`."""
        while not self.done.is_set():
            for message in self._consumer.consume(1000, 0.01):
                if message.error() is None and (message.offset() or 0) % self._every == 0:
                    seconds = time.time() - json.loads(message.value() or b"")["event_time"]
                    (self.alerts if message.topic() == OURS.alerts else self.statuses).append(seconds)
        self._consumer.close()


def ends(consumer: Consumer) -> list[int]:
    """Return the end of the alerts' and of the statuses' topic."""
    return [
        consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1]
        for topic in (OURS.alerts, OURS.statuses)
    ]


def measure(point: Point, bootstrap: str, folder: Path, spark_jars: Path) -> dict[str, Any]:
    """Return what was measured at a point. Raises NotEqual if a result is missing."""
    renew_topics(bootstrap, point.partitions)
    reader = Reader(bootstrap, OURS.alerts, OURS.statuses)
    reader.start()
    begun = time.monotonic()
    with Running(OURS, bootstrap, spark_jars, folder / "state", "latest") as monitor:
        started(monitor, reader, bootstrap, begun)
        reader.end()
        warm_up = Series("g", WARM_UP_RATE, point.warehouses)
        series = Series("g", point.rate, point.warehouses)
        # Each warehouse is known before it is measured.
        known = 2 * point.warehouses
        with sending(bootstrap, warm_up, known, "--backlog") as sender:
            sender.wait()
        counter = Consumer({"bootstrap.servers": bootstrap, **CLIENT})
        _wait_until_level(counter)
        with sending(bootstrap, warm_up, WARM_UP_RATE * WARM_UP_SECONDS) as sender:
            sender.wait()
        _wait_until_level(counter)
        come_to_rest(monitor, REST_SECONDS)
        before, count = ends(counter), point.rate * MEASURED_SECONDS
        sampler = Sampler(bootstrap, point.rate)
        sampler.start()
        used, since = monitor.cpu_seconds(), time.monotonic()
        with sending(bootstrap, series, count) as sender:
            sender.wait()
        sent_in = time.monotonic() - since
        cores = (monitor.cpu_seconds() - used) / sent_in
        expected = [len(series.raising(count)), count]
        deadline = time.monotonic() + RESULTS_SECONDS
        while (came := [end - start for end, start in zip(ends(counter), before, strict=True)]) != expected:
            if time.monotonic() > deadline:
                raise NotEqual(f"{point}: {came} alerts and statuses of {expected}")
            time.sleep(0.2)  # the pause of a poll that has a deadline
        worked_off = time.monotonic() - since
        counter.close()
        sampler.done.set()
        sampler.join(10)
        return asdict(point) | {
            "alerts_ms": percentiles(sampler.alerts),
            "statuses_ms": percentiles(sampler.statuses),
            "cores": cores,
            "memory_mib": monitor.memory(),
            "sent_per_second": count / sent_in,
            "worked_off_per_second": count / worked_off,
        }


def main() -> None:
    """Measure every point, one monitor for each."""
    parser = argparse.ArgumentParser(prog="bench.growth", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    measured = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        bench_kafka(Path(folder, "kafka"), {OURS.pom}) as (bootstrap, fetched),
    ):
        for point in POINTS:
            figures = measure(point, bootstrap, Path(folder, "ours"), fetched[OURS.pom])
            measured.append(figures)
            print(_line(figures), flush=True)
    (arguments.out / "growth.json").write_text(json.dumps(measured, indent=2) + "\n")


def _wait_until_level(counter: Consumer) -> None:
    """Wait until no result has come for a second. Raises NotEqual if they come for longer than they may."""
    last, since = ends(counter), time.monotonic()
    deadline = since + RESULTS_SECONDS
    while time.monotonic() - since < 1:
        if time.monotonic() > deadline:
            raise NotEqual(f"after {RESULTS_SECONDS} s results still come")
        time.sleep(0.1)  # the pause of a poll that has a deadline
        if (now := ends(counter)) != last:
            last, since = now, time.monotonic()


def _line(figures: dict[str, Any]) -> str:
    kinds = (figures["alerts_ms"], figures["statuses_ms"])
    latencies = " | ".join(f"{kind['p50']:,.1f} / {kind['p99']:,.1f}" for kind in kinds)
    return (
        f"| {figures['grows']} | {figures['rate']:,}/s | {figures['warehouses']:,} | {figures['partitions']} "
        f"| {latencies} | {figures['cores']:.2f} | {figures['memory_mib']:.0f} "
        f"| {figures['worked_off_per_second']:,.0f} |"
    )


if __name__ == "__main__":
    main()
