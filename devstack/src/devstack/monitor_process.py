"""The real monitor as a process, and what a test says to it through Kafka."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from devstack.eventually import eventually
from devstack.layout import ROOT
from messages.topics import ALERTS, KELEMBABAN, SUHU
from servicekit.publisher import NOT_KNOWN

INCIDENT_TAGS = ("[Insiden", "[Sensor ")
TOPICS = {"suhu": SUHU, "kelembaban": KELEMBABAN}


def create_topics(bootstrap: str, file: Path) -> None:
    """Run topic-init on a file of topics."""
    env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "TOPICS_FILE": str(file)}
    ended = subprocess.run([sys.executable, "-m", "topic_init"], env=env, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


class MonitorProcess:
    """`python -m spark_monitor run` with a checkpoint of its own; `lines` grows with its stdout, over restarts too.

    `java` is what `spark_java.environment` returns.
    """

    def __init__(self, bootstrap: str, folder: Path, java: Mapping[str, str], **env: str) -> None:
        self.lines: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.heartbeat = folder / "heartbeat"
        self._folder = folder
        self._env = os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "CHECKPOINT_DIR": str(folder / "checkpoints"),
            "HEARTBEAT_FILE": str(self.heartbeat),
            "LOG_FORMAT": "json",
            "CHECKPOINT_MINUTES": "1",
            "TZ": "Asia/Jakarta",
            "RULES_FILE": str(ROOT / "services/spark-monitor/rules.yaml"),
            **java,
            **env,
        }
        self._is_heard = True
        self._listens = threading.Event()
        self._listens.set()
        self.process: subprocess.Popen[str]
        self._reader: threading.Thread

    def start(self) -> None:
        """Start and wait for the first heartbeat: queries alive, reporter caught up."""
        self.start_unwatched()
        eventually(
            lambda: self.heartbeat.exists() or self.process.poll() is not None,
            lambda: f"no heartbeat; {self.events}",
            90,
        )
        assert self.process.poll() is None, f"the monitor ended; {self.events}"

    def start_unwatched(self) -> None:
        """Start, and return at once."""
        self.heartbeat.unlink(missing_ok=True)
        self._is_heard = True
        self.process = subprocess.Popen(
            [sys.executable, "-m", "spark_monitor", "run"],
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_lines, args=[self.process], daemon=True)
        self._reader.start()
        threading.Thread(target=self._read_events, args=[self.process], daemon=True).start()

    def run_beside(self, command: str = "run", seconds: float = 30, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a second one with the same settings, but for `env`, which must end by itself within some seconds."""
        return subprocess.run(
            [sys.executable, "-m", "spark_monitor", command],
            env=self._env | env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    @property
    def checkpoints(self) -> Path:
        """The folder that CHECKPOINT_DIR names."""
        return self._folder / "checkpoints"

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """SIGKILL for the whole group, Spark's JVM too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()

    def boundaries(self, query: str = "alerts") -> int:
        """Return the number of a query's last checkpoint, -1 before the first."""
        commits = (self._folder / "checkpoints").glob(f"{query}-*/commits/*")
        return max((int(commit.name) for commit in commits if commit.name.isdigit()), default=-1)

    def read_until(self, query: str, boundary: int) -> dict[str, dict[str, int]]:
        """Return the offsets, by topic and partition, at which a query's batch ended."""
        (file,) = (self._folder / "checkpoints").glob(f"{query}-*/offsets/{boundary}")
        offsets: dict[str, dict[str, int]] = {}
        # Behind two lines of its own Spark has one for each source.
        for line in file.read_text().splitlines()[2:]:
            offsets |= json.loads(line) if line != "-" else {}
        return offsets

    def about(self, gudang: str) -> list[str]:
        """Return the printed alerts and statuses of one warehouse; a status is one string of five lines."""
        found: list[str] = []
        lines = list(self.lines)
        for number, line in enumerate(lines):
            if f"Gudang {gudang}:" in line and not line.startswith(INCIDENT_TAGS):
                is_status = line.startswith("[Status")
                found.append("\n".join(lines[number : number + 5]) if is_status else line)
        return found

    def incidents_of(self, gudang: str) -> list[str]:
        """Return the printed lines about incidents and silences of one warehouse."""
        return [line for line in list(self.lines) if line.startswith(INCIDENT_TAGS) and f"Gudang {gudang}:" in line]

    def wait_for(self, gudang: str, texts: Iterable[str], seconds: float = 90) -> None:
        """Wait until each text is in a printed line of the warehouse."""
        wanted = Counter(texts)

        def missing() -> Counter[str]:
            found = self.about(gudang)
            return Counter({text: number for text, number in wanted.items() if sum(text in f for f in found) < number})

        eventually(
            lambda: not missing(),
            lambda: (
                f"{missing().total()} not printed: {list(missing())[:5]}; "
                f"printed: {self.about(gudang)[-5:]}; events: {self.events[-5:]}"
            ),
            seconds,
        )

    def wait_for_line(self, text: str, seconds: float = 90) -> None:
        """Wait until a printed line has the text."""
        eventually(lambda: any(text in line for line in list(self.lines)), lambda: f"not printed: {text}", seconds)

    def stop_listening(self) -> None:
        """Leave unread what the process prints, so that its pipe fills up; `listen` goes on with it."""
        self._listens.clear()

    def listen(self) -> None:
        """Read again what the process prints."""
        self._listens.set()

    def spark(self) -> int:
        """Return the process id of the monitor's Java machine."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "comm").read_text().strip() == "java" and os.getpgid(
                    int(process.name)
                ) == self.process.pid:
                    return int(process.name)
            except OSError:
                continue
        raise AssertionError("no Java machine")

    def close_stdout(self, last_words: Callable[[], None]) -> None:
        """Stop listening to the process: what it prints on return is an error to it.

        `last_words` must make it print one more line, which ends the reading of its pipe and is thrown away.
        """
        self._is_heard = False
        last_words()
        self._reader.join(30)
        assert not self._reader.is_alive(), "the process printed no last line"

    def _read_lines(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if not self._is_heard:
                    return
                self._listens.wait()
                self.lines.append(line.rstrip("\n"))

    def _read_events(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            try:
                self.events.append(json.loads(line))
            except ValueError:
                self.events.append({"raw": line.rstrip("\n")})


class Client:
    """Any Kafka client: sends messages, reads topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 1_000_000})
        self._not_sent: list[tuple[str, bytes | None, str | None]] = []
        self._failed: list[str] = []

    def send(self, stream: str, message: Any, key: str | None = None) -> None:
        """Send bytes, None, or anything else as JSON to a stream's topic."""
        value = message if message is None or isinstance(message, bytes) else json.dumps(message).encode()
        self._produce(TOPICS[stream], value, key)
        self._producer.poll(0)

    def reading(self, stream: str, gudang: str, value: float, at: float | None = None) -> None:
        """Send a three-field reading."""
        message = {"gudang_id": gudang, stream: value, "timestamp": time.time() if at is None else at}
        self.send(stream, message, gudang)

    def flush(self) -> None:
        """Return when Kafka has acknowledged all that was sent."""

        def acknowledged() -> bool:
            again, self._not_sent = self._not_sent, []
            for message in again:
                self._produce(*message)
            return self._producer.flush(1) == 0 and not self._not_sent

        eventually(acknowledged, lambda: "Kafka did not acknowledge every message", 60)
        assert not self._failed

    def _produce(self, topic: str, value: bytes | None, key: str | None) -> None:
        """Send a message; flush sends it again if a just started broker did not know its topics."""

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                return
            if error.code() in NOT_KNOWN:
                self._not_sent.append((topic, value, key))
            else:
                self._failed.append(error.str())

        try:
            self._producer.produce(topic, value, key, on_delivery=delivered)
        except KafkaException as error:
            if error.args[0].code() not in NOT_KNOWN:
                raise
            self._not_sent.append((topic, value, key))

    def alerts(self, entity: str) -> list[dict[str, Any]]:
        """Return all alerts of one entity."""
        return records(self.read(ALERTS), entity)

    def end(self, topic: str) -> int:
        """Return the end offset of a topic's first partition."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": "test"})
        try:
            return int(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])
        finally:
            consumer.close()

    def read(
        self, topic: str, start: int = 0, until: Callable[[list[Any]], bool] | None = None, *, seconds: float = 120
    ) -> list[Any]:
        """Return the messages from an offset on: those that are there, or until a condition holds, in time."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": "test", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, 0, start)])
        end = self.end(topic)
        messages: list[Any] = []
        deadline = time.monotonic() + seconds
        try:
            while until is not None or start + len(messages) < end:
                messages += consumer.consume(10_000, 0.2)
                if until is not None and until(messages):
                    break
                assert time.monotonic() < deadline, f"{topic}: {len(messages)} messages in {seconds} s"
        finally:
            consumer.close()
        return messages


def records(messages: list[Any], gudang: str | None = None) -> list[dict[str, Any]]:
    """Return the JSON of messages, of one warehouse or of all."""
    found = [json.loads(message.value()) for message in messages]
    return [record for record in found if gudang in {None, record["entity_id"]}]
