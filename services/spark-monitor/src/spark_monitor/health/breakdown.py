"""Why the monitor can't go on watching, in words: English for its log, Indonesian for the operator. No I/O."""

import datetime as dt
from dataclasses import dataclass

from spark_monitor.incidents.wording import duration

NO_ALERTS = "peringatan tidak sampai"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """`cause` is for the log. `words` say it to the operator; `missing` says what does not come because of it."""

    cause: str
    words: str
    missing: str = ""


class BrokenError(Exception):
    """The monitor can't go on; `breakdown` says why."""

    def __init__(self, breakdown: Breakdown) -> None:
        super().__init__(breakdown.cause)
        self.breakdown = breakdown


SPARK_HANGS = Breakdown("the alert chain hangs at Spark", "Spark tidak menjawab", NO_ALERTS)
ALERTS_HANG = Breakdown("the alert chain hangs at the query alerts", "kueri peringatan macet", NO_ALERTS)
REPORTER_HANGS = Breakdown("the alert chain hangs at the reporter", "pencetak baris macet", NO_ALERTS)
CANARY_HANGS = Breakdown("the canary sends no pulses", "denyut uji tidak dikirim", "peringatan tidak diawasi")
NOT_ACCEPTED = Breakdown(
    "Kafka answers, but does not acknowledge the canary's pulses",
    "Kafka tidak menerima denyut uji",
    "peringatan mungkin tidak sampai",
)
LOOP_HANGS = Breakdown("the main loop hangs", "pengawas utama macet", "pemantauan tidak diperiksa")
STATUS_HANGS = Breakdown("the query status hangs", "kueri status macet", "status gabungan tidak keluar")
INCIDENTS_HANG = Breakdown("the query incidents hangs", "kueri insiden macet", "insiden tidak diperiksa")
GUARD_ENDED = Breakdown("the guard's thread ended", "penjaga berhenti")
JAVA_ENDED = Breakdown("Spark's Java machine has ended: out of memory, or killed", "Java berhenti", NO_ALERTS)
OVERTAKEN = Breakdown(
    "Kafka has removed readings before the monitor could read them", "Kafka menghapus data yang belum dinilai"
)
KAFKA_TELLS_NOTHING = "Kafka tidak menjawab saat mulai"
CHECKPOINTS_FAIL = "tempat checkpoint tidak dapat ditulis"
CLUSTER_FAILS = "Spark tidak dapat dimulai"
LEASE_LOST = "kunci CHECKPOINT_LOCATION hilang"
UNEXPECTED = "kesalahan tak terduga"
"""The words for causes that only the log says in full."""


def thread_ended(name: str) -> Breakdown:
    """Return that a thread is no more that must live."""
    return Breakdown(f"the thread {name!r} ended", f"bagian {name} berhenti")


def query_dies(name: str, cause: str) -> Breakdown:
    """Return that a query was started again in vain."""
    return Breakdown(f"query {name} keeps dying: {cause}", f"kueri {name} terus gagal")


def reporter_ended(failure: Exception | None) -> Breakdown:
    """Return that nobody prints any more."""
    return Breakdown(f"the reporter ended: {failure!r}", "pencetak baris berhenti", NO_ALERTS)


def partitions_changed(changed: object) -> Breakdown:
    """Return that the topics are no longer those of the start."""
    return Breakdown(f"the number of partitions has changed: {changed}", "jumlah partisi topik berubah")


def broken_line(breakdown: Breakdown, at: dt.datetime, seconds: float | None = None, *, restarts: bool = True) -> str:
    """Return the operator's line; `seconds`: for how long it has lasted, if that is known."""
    since = "" if seconds is None else f" sejak {duration(seconds)}"
    what = f"{breakdown.missing}{since} ({breakdown.words})" if breakdown.missing else f"{breakdown.words}{since}"
    return f"[Monitor Rusak] {what}{', monitor dimulai ulang' if restarts else ''} - {at:%Y-%m-%d %H:%M:%S}"


def whole_line(at: dt.datetime, seconds: float) -> str:
    """Return the operator's line that alerts come again, after so many seconds."""
    return f"[Monitor Pulih] peringatan sampai lagi setelah {duration(seconds)} - {at:%Y-%m-%d %H:%M:%S}"
