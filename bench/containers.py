"""The stack in containers on this host: as it is, behind TLS and passwords, and as a cluster; one after the other.

Latency, and how fast a backlog is worked off; by the cluster with one, two and three workers. Prints a table; needs
Docker.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from bench import rules
from bench.measure import percentiles
from bench.readings import Series
from bench.send import sending
from devstack.compose_project import Stack, eventually
from devstack.layout import ROOT
from devstack.secure_project import secured
from messages.topics import ALERTS, STATUSES

KINDS = {
    "one machine": "compose.yaml",
    "one machine, TLS and passwords": "compose.yaml:compose.secure.yaml",
    "cluster": "compose.yaml:compose.cluster.yaml",
}
WARM_UP_SECONDS = 20
RESULTS_SECONDS = 600
"""A monitor that starts does again what came since its last boundary, here everything, before it comes to the new."""

ONE_IS_ENOUGH = "72"
"""Task slots of a worker, so that one of them can do all of it."""

WORKERS = (1, 2, 3)


@contextmanager
def running(number: int, files: str) -> Iterator[Stack]:
    """Run the stack of some compose files; its sensors stand still, so that only what is sent is judged."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = str(rules.for_these_sensors(ROOT, Path(folder)).parent)
        # Who reads it in the container is another user.
        Path(folder).chmod(0o755)
        env = {"WORKER_SLOTS": ONE_IS_ENOUGH, "CHECKPOINT_MINUTES": "60", "CONFIG_DIR": config}
        with healthy(f"bench-{number}", Path(folder), files, env) as stack:
            stack.compose("stop", "producer-suhu", "producer-kelembaban")
            yield stack


@contextmanager
def healthy(name: str, folder: Path, files: str, env: dict[str, str]) -> Iterator[Stack]:
    """Run the stack of some compose files, with secrets if they ask for some."""
    if "secure" in files:
        with secured(name, folder, files, **env) as secure:
            yield secure
    else:
        stack = Stack.new(name, folder, COMPOSE_FILE=files, **env)
        with stack.running():
            stack.wait_until_healthy()
            yield stack


def ends(stack: Stack) -> list[TopicPartition]:
    """Return where the partitions of alerts and statuses end."""
    with closing(Consumer({**stack.client(), "group.id": "bench"})) as consumer:
        topics = consumer.list_topics(timeout=30).topics
        return [
            TopicPartition(topic, number, consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1])
            for topic in (ALERTS, STATUSES)
            for number in topics[topic].partitions
        ]


def results(
    stack: Stack, series: Series, count: int, before: list[TopicPartition]
) -> dict[str, list[tuple[float, float]]]:
    """Wait until the first `count` readings of a series have all their results, behind where the topics ended.

    Return for each topic when each result stood in Kafka, and the time of its reading, in epoch seconds.
    """
    expected = {ALERTS: len(series.raising(count)), STATUSES: count}
    found: dict[str, list[tuple[float, float]]] = {topic: [] for topic in expected}
    with closing(Consumer({**stack.client(), "group.id": "bench", "enable.auto.commit": False})) as consumer:
        consumer.assign(before)

        def came() -> bool:
            # By the series' keys: a monitor that starts writes again what others gave since its last boundary.
            for message in consumer.consume(10_000, 1):
                if (message.key() or b"").startswith(f"{series.name}-".encode()):
                    read = float(json.loads(message.value() or b"")["event_time"])
                    found[message.topic() or ""].append((message.timestamp()[1] / 1000, read))
            return all(len(found[topic]) >= number for topic, number in expected.items())

        eventually(came, lambda: f"{[len(of) for of in found.values()]} results of {expected}", RESULTS_SECONDS)
    return found


def latency(stack: Stack, rate: int, seconds: int) -> dict[str, str]:
    """Return p50 and p99 of alerts and statuses, from the reading's time to the result in Kafka, as text in ms."""
    warm_up, before = Series(f"w{rate}", rate), ends(stack)
    with sending(stack.bootstrap, warm_up, rate * WARM_UP_SECONDS, variables=stack.variables()) as sender:
        sender.wait()
    results(stack, warm_up, rate * WARM_UP_SECONDS, before)
    series, before = Series(f"l{rate}", rate), ends(stack)
    with sending(stack.bootstrap, series, rate * seconds, variables=stack.variables()) as sender:
        sender.wait()
    found = results(stack, series, rate * seconds, before)
    shown = {}
    for what, topic in (("alerts", ALERTS), ("statuses", STATUSES)):
        taken = percentiles([at - read for at, read in found[topic]])
        shown[what] = f"{taken['p50']:.1f} / {taken['p99']:.1f}"
    return shown


def throughput(stack: Stack, count: int, workers: int | None = None) -> float:
    """Return how many readings of a backlog get their statuses in a second, from the first to the last.

    `workers`: how many the cluster has for it.
    """
    stack.compose("stop", "spark-monitor")
    series, before = Series(f"b{workers}", count / 20, 500), ends(stack)
    with sending(stack.bootstrap, series, count, "--backlog", variables=stack.variables()) as sender:
        sender.wait()
    started = (
        ["spark-monitor"]
        if workers is None
        else ["--scale", f"spark-worker={workers}", "spark-worker", "spark-monitor"]
    )
    stack.compose("up", "--detach", "--no-deps", *started)
    times = [at for at, _ in results(stack, series, count, before)[STATUSES]]
    return count / (max(times) - min(times))


def main() -> None:
    """Measure, and print a line for each as soon as it is known."""
    parser = argparse.ArgumentParser(prog="bench.containers", description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[6, 300], metavar="N", help="readings a second")
    parser.add_argument("--seconds", type=int, default=60, help="of each rate that are measured")
    parser.add_argument("--backlog", type=int, default=200_000, metavar="N", help="readings of the backlog")
    parser.add_argument("--only", nargs="+", metavar="KIND", choices=KINDS, default=list(KINDS))
    arguments = parser.parse_args()
    print("| | readings/s | alerts p50 / p99, ms | statuses p50 / p99, ms |\n|---|---|---|---|", flush=True)
    worked_off = {}
    for number, kind in enumerate(arguments.only):
        with running(number, KINDS[kind]) as stack:
            for rate in arguments.rates:
                found = latency(stack, rate, arguments.seconds)
                print(f"| {kind} | {rate} | {found['alerts']} | {found['statuses']} |", flush=True)
            if kind == "cluster":
                for workers in WORKERS:
                    worked_off[f"cluster, workers: {workers}"] = throughput(stack, arguments.backlog, workers)
            else:
                worked_off[kind] = throughput(stack, arguments.backlog)
    print("\n| | backlog, readings/s |\n|---|---|")
    for kind, per_second in worked_off.items():
        print(f"| {kind} | {per_second:,.0f} |")


if __name__ == "__main__":
    main()
