"""The lines about incidents and silences, as an operator reads them. No I/O."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from rules.model import Stream
from servicekit.plain import plain

SIGNS = {"above": ">", "at_least": "≥", "below": "<", "at_most": "≤"}

YEAR, DAY, HOUR, MINUTE = 31_557_600, 86_400, 3_600, 60


def duration(seconds: float) -> str:
    """Return a time in whole units, at most two: `43 detik`, `4 menit 12 detik`, `15 menit`, `1 jam 5 menit`.

    Of a year and more there are only the years: `56 tahun`.
    """
    whole = max(0, int(seconds))
    if whole >= YEAR:
        return f"{whole // YEAR} tahun"
    units = [
        (whole // DAY, "hari"), (whole % DAY // HOUR, "jam"),
        (whole % HOUR // MINUTE, "menit"), (whole % MINUTE, "detik"),
    ]  # fmt: skip
    first = next((number for number, (count, _) in enumerate(units) if count), len(units) - 1)
    said = [f"{count} {unit}" for count, unit in units[first : first + 2] if count]
    return " ".join(said) or "0 detik"


def time_of_day(at: float, zone: ZoneInfo) -> str | None:
    """Return date and time in a zone, None where no calendar has it: beyond the year 9999, or no number."""
    try:
        return dt.datetime.fromtimestamp(int(at), zone).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True)
class PersonsWord:
    """Who said that nobody waits any more, and why."""

    by: str
    reason: str

    @property
    def text(self) -> str:
        """The end of a line about it."""
        return f"oleh {plain(self.by)}" + (f": {plain(self.reason)}" if self.reason else "")


@dataclass(frozen=True)
class Words:
    """The words for one stream's incidents; `zone` is that of the times in them. Times are epoch seconds.

    What could not be computed, or what no calendar has, is left out.
    """

    stream: Stream
    zone: ZoneInfo

    def opened(self, entity: str, peak: float, comparison: str, threshold: float, at: float) -> str:
        """Say that a limit was passed, and by how much so far."""
        value = f"{self.stream.label} {self._value(peak)} {SIGNS[comparison]} {threshold:g}"
        return f"[Insiden Dibuka] {self._of(entity)}: {value}{self._time(at)}"

    def goes_on(self, entity: str, seconds: float, peak: float, at: float) -> str:
        """Say that an incident is still open after so many seconds."""
        lasted = f"{self.stream.label}, {duration(seconds)}, puncak {self._value(peak)}"
        return f"[Insiden Berlanjut] {self._of(entity)}: {lasted}{self._time(at)}"

    def unknown(self, entity: str, seconds: float, at: float) -> str:
        """Say that nobody knows how an open incident goes on: no reading for so many seconds."""
        since = f"{self.stream.label}, data tidak terkirim sejak {duration(seconds)}"
        return f"[Insiden Tidak Diketahui] {self._of(entity)}: {since}{self._time(at)}"

    def closed(self, entity: str, seconds: float | None, peak: float | None, mkt: float | None, at: float) -> str:
        """Say that an incident is over; `mkt` in °C where the stream's unit is that."""
        said = [
            self.stream.label,
            None if seconds is None else duration(seconds),
            None if peak is None else f"puncak {self._value(peak)}",
            None if mkt is None else f"MKT {mkt:.2f}°C",
        ]
        return f"[Insiden Selesai] {self._of(entity)}: {', '.join(filter(None, said))}{self._time(at)}"

    def silent(self, entity: str, sensor: str | None, seconds: float) -> str:
        """Say that a sensor, or without one the whole stream of an entity, sends nothing for so many seconds."""
        what = f"{self._what()} tidak terkirim sejak {duration(seconds)}"
        return f"[Sensor Diam] {self._of(entity)}: {what}{_named(entity, sensor)}"

    def back(self, entity: str, sensor: str | None, seconds: float) -> str:
        """Say that it sends again after so many seconds."""
        what = f"{self._what()} terkirim lagi setelah {duration(seconds)}"
        return f"[Sensor Kembali] {self._of(entity)}: {what}{_named(entity, sensor)}"

    def error_code(self, entity: str, sensor: str, value: float) -> str:
        """Say that a sensor sends an error code for a value."""
        what = f"{self._what()} {self._value(value)} adalah kode galat"
        return f"[Sensor Rusak] {self._of(entity)}: {what}{_named(entity, sensor)}"

    def jumps(self, entity: str, sensor: str, before: float, value: float) -> str:
        """Say that a sensor's value jumps further than it can."""
        what = f"{self._what()} dari {self._value(before)} ke {self._value(value)}"
        return f"[Sensor Melompat] {self._of(entity)}: {what}{_named(entity, sensor)}"

    def stuck(self, entity: str, sensor: str, value: float, seconds: float) -> str:
        """Say that a sensor's value has not changed for so many seconds."""
        what = f"{self._what()} {self._value(value)} tidak berubah sejak {duration(seconds)}"
        return f"[Sensor Macet] {self._of(entity)}: {what}{_named(entity, sensor)}"

    def crowded(self, entity: str, most: int) -> str:
        """Say that a place has more sensors than are told apart."""
        what = f"sensor {self._what()} lebih dari {most}, selebihnya dinilai bersama"
        return f"[Sensor Terlalu Banyak] {self._of(entity)}: {what}"

    def not_crowded(self, entity: str) -> str:
        """Say that all of a place's sensors are told apart again."""
        return f"[Sensor Terpisah] {self._of(entity)}: semua sensor {self._what()} dinilai sendiri lagi"

    def measures(self, entity: str, sensor: str, seconds: float) -> str:
        """Say that a sensor measures again after so many seconds."""
        what = f"{self._what()} terukur lagi setelah {duration(seconds)}"
        return f"[Sensor Normal] {self._of(entity)}: {what}{_named(entity, sensor)}"

    def clock_is_off(self, entity: str, sensor: str, behind: float, *, uses_kafka: bool) -> str:
        """Say that a sensor's clock is so many seconds behind, or, negative, ahead; whether Kafka's counts instead."""
        how = f"tertinggal {duration(behind)}" if behind > 0 else f"{duration(-behind)} di depan"
        return self._clock(entity, sensor, f"{how}{', waktu Kafka dipakai' if uses_kafka else ''}")

    def clock_stands(self, entity: str, sensor: str) -> str:
        """Say that a sensor's clock stands still while its values change."""
        return self._clock(entity, sensor, "berhenti, waktu Kafka dipakai")

    def clock_is_right(self, entity: str, sensor: str, seconds: float) -> str:
        """Say that a sensor's clock is right again after so many seconds."""
        who = plain(sensor) or self._what()
        return f"[Jam Sensor Benar] {self._of(entity)}: {who} tepat lagi setelah {duration(seconds)}"

    def _clock(self, entity: str, sensor: str, how: str) -> str:
        return f"[Jam Sensor Salah] {self._of(entity)}: {plain(sensor) or self._what()} {how}"

    def never_heard(self, entity: str, seconds: float) -> str:
        """Say that a place which the rules expect never sent anything, for so many seconds."""
        return f"[Sensor Diam] {self._of(entity)}: {self._what()} belum pernah terkirim sejak {duration(seconds)}"

    def replaced(self, entity: str, old: str, new: str) -> str:
        """Say that a new sensor has taken a silent one's place."""
        return f"[Sensor Diganti] {self._of(entity)}: {self._what()} kini dari {plain(new)}, dulu {plain(old)}"

    def retired(self, entity: str, sensor: str | None, seconds: float | None, word: PersonsWord) -> str:
        """Say that nobody waits for it any more; `seconds`: for how long it was silent, if it was."""
        after = "" if seconds is None else f" setelah {duration(seconds)}"
        what = f"{self._what()} tidak ditunggu lagi{after}{_named(entity, sensor)}"
        return f"[Sensor Dilepas] {self._of(entity)}: {what}, {word.text}"

    def ended(self, entity: str, seconds: float, peak: float | None, word: PersonsWord, at: float) -> str:
        """Say that a person ended an incident after so many seconds."""
        puncak = "" if peak is None else f", puncak {self._value(peak)}"
        lasted = f"{self.stream.label}, {duration(seconds)}{puncak}"
        return f"[Insiden Diakhiri] {self._of(entity)}: {lasted}, {word.text}{self._time(at)}"

    def _of(self, entity: str) -> str:
        return f"{self.stream.entity_label} {plain(entity)}"

    def _what(self) -> str:
        return self.stream.label.lower()

    def _value(self, value: float) -> str:
        return self.stream.value_format % value + self.stream.unit

    def _time(self, at: float) -> str:
        return _dated(at, self.zone)


@dataclass(frozen=True)
class Saying:
    """The words for what people say of incidents; `streams` by name, `zone` is that of the times in them."""

    streams: Mapping[str, Stream]
    zone: ZoneInfo

    def acknowledged(self, incident: Mapping[str, Any], word: PersonsWord) -> str:
        """Say that somebody looks after an incident."""
        return f"[Insiden Dikonfirmasi] {self._about(incident)}, {word.text}"

    def acknowledged_too(self, incident: Mapping[str, Any], word: PersonsWord) -> str:
        """Say that somebody else did before."""
        before = plain(incident["acknowledged_by"])
        return f"[Insiden Dikonfirmasi] {self._about(incident)}, sudah oleh {before}, juga {word.text}"

    def commented(self, incident: Mapping[str, Any], word: PersonsWord) -> str:
        """Say what somebody said."""
        return f"[Catatan Insiden] {self._about(incident)}, {word.text}"

    def shelved(self, entity: str, stream: str, until: float, word: PersonsWord) -> str:
        """Say that nobody is told of a rule's incidents until a time."""
        when = time_of_day(until, self.zone)
        return f"[Insiden Ditunda] {self._place(entity, stream)}, sampai {when}, {word.text}"

    def unshelved(self, entity: str, stream: str, still_open: int, word: PersonsWord | None) -> str:
        """Say that they are told again, and of how many that are open."""
        left = f", {still_open} insiden masih terbuka" if still_open else ""
        return f"[Tunda Berakhir] {self._place(entity, stream)}{left}" + ("" if word is None else f", {word.text}")

    def _place(self, entity: str, stream: str | None) -> str:
        of = self.streams.get(stream or "")
        return plain(entity) if of is None else f"{of.entity_label} {plain(entity)}: {of.label}"

    def _about(self, incident: Mapping[str, Any]) -> str:
        """Return what an incident is about: `Gudang G1: Suhu`, `Gudang G1: Suhu diam (suhu-7f3a)`."""
        entity, kind = incident["entity_id"], incident["kind"]
        what = "" if kind == "threshold" else f" {incident['rule']}"
        return self._place(entity, incident["stream"]) + what + _named(entity, incident["sensor_id"])


def without_effect(entity: str, why: str, word: PersonsWord) -> str:
    """Say that what a person wanted has no effect."""
    return f"[Tindakan Tidak Berlaku] {plain(entity)}: {why}, {word.text}"


def nobody_waits(entity: str, word: PersonsWord) -> str:
    """Say that a person's word ended nothing."""
    return f"[Tidak Dikenal] {plain(entity)}: tidak ada sensor yang ditunggu, {word.text}"


def late(message: str) -> str:
    """Return a line about readings that came late."""
    return f"{message} (data terlambat)"


def without_rule(entity: str, rule: str, at: float, zone: ZoneInfo) -> str:
    """Say that an incident ends because its rule is gone."""
    return f"[Insiden Selesai] {plain(entity)}: aturan {rule} tidak ada lagi{_dated(at, zone)}"


def _dated(at: float, zone: ZoneInfo) -> str:
    when = time_of_day(at, zone)
    return "" if when is None else f" - {when}"


def _named(entity: str, sensor: str | None) -> str:
    """Return the sensor in parentheses; a machine that is its own sensor is named already."""
    return f" ({plain(sensor)})" if sensor and sensor != entity else ""
