"""Numbers, times and durations as people of a language write them. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

Language = Literal["id", "en"]

MINUS = "\u2212"
NO_TIME = "–"
MOST_DECIMALS = 6
YEAR, DAY, HOUR, MINUTE = 31_557_600, 86_400, 3_600, 60

UNITS: dict[Language, tuple[tuple[int, str, str], ...]] = {
    "id": (
        (YEAR, "tahun", "tahun"),
        (DAY, "hari", "hari"),
        (HOUR, "jam", "jam"),
        (MINUTE, "menit", "menit"),
        (1, "detik", "detik"),
    ),
    "en": (
        (YEAR, "year", "years"),
        (DAY, "day", "days"),
        (HOUR, "hour", "hours"),
        (MINUTE, "minute", "minutes"),
        (1, "second", "seconds"),
    ),
}
MONTHS: dict[Language, tuple[str, ...]] = {
    "id": ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}
WEEKDAYS: dict[Language, tuple[str, ...]] = {
    "id": ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
ZONES = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
"""What the zones of Indonesia are called there."""


def number(value: float, decimals: int, language: Language) -> str:
    """Return a number with its language's separators and a real minus: 1.234,5 or 1,234.5."""
    text = f"{abs(value):,.{decimals}f}"
    if language == "id":
        text = text.translate({ord(","): ".", ord("."): ","})
    is_negative = value < 0 and any(each in text for each in "123456789")
    return MINUS + text if is_negative else text


def decimals_of(value: float, limits: Iterable[float], least: int) -> int:
    """Return with how many decimals a value is on the same side of each limit as it is itself.

    80.004 with a limit of 80 must not be shown as 80.00.
    """
    for decimals in range(least, MOST_DECIMALS):
        shown = round(value, decimals)
        if all((shown > limit) == (value > limit) and (shown < limit) == (value < limit) for limit in limits):
            return decimals
    return MOST_DECIMALS


def limit(value: float, language: Language) -> str:
    """Return a limit with as many decimals as it has: 80 or 7,5."""
    text = f"{value:.{MOST_DECIMALS}f}".rstrip("0").rstrip(".")
    decimals = len(text.partition(".")[2])
    return number(value, decimals, language)


def duration(seconds: float, language: Language) -> str:
    """Return a time in one unit, rounded down: `43 detik`, `12 menit`, `3 hari`."""
    whole = max(0, int(seconds))
    for size, one, many in UNITS[language]:
        if whole >= size:
            count = whole // size
            return f"{count} {one if count == 1 else many}"
    return f"0 {UNITS[language][-1][2]}"


def duration_in_full(seconds: float, language: Language) -> str:
    """Return a time in two units at most: `4 menit 12 detik`."""
    whole = max(0, int(seconds))
    for size, _, _ in UNITS[language]:
        if whole >= size and whole % size:
            return f"{duration(whole, language)} {duration(whole % size, language)}"
        if whole >= size:
            break
    return duration(whole, language)


def zone_name(zone: ZoneInfo, at: float) -> str:
    """Return what a zone is called at a moment: WIB, or what the system's tables say, such as CET or +04."""
    local = local_time(at, zone)
    return ZONES.get(zone.key) or (local.tzname() if local else None) or zone.key


def clock(at: float, zone: ZoneInfo) -> str:
    """Return the time of day: 21:47:12."""
    local = local_time(at, zone)
    return NO_TIME if local is None else local.strftime("%H:%M:%S")


def local_time(at: float, zone: ZoneInfo) -> datetime | None:
    """Return a moment in a zone, None where no calendar has it: records of others may say anything."""
    try:
        return datetime.fromtimestamp(at, zone)
    except (ValueError, OverflowError, OSError):
        return None


def day(moment: datetime, language: Language) -> str:
    """Return a day: 28 Nov 2026."""
    return f"{moment.day} {MONTHS[language][moment.month - 1]} {moment.year}"


def weekday(moment: datetime, language: Language) -> str:
    """Return a day with its name: Sabtu, 28 Nov 2026."""
    return f"{WEEKDAYS[language][moment.weekday()]}, {day(moment, language)}"


def moment(at: float, now: float, zone: ZoneInfo, language: Language) -> str:
    """Return a time as short as it is clear from now: 21:35, kemarin 16:20, 26 Nov 09:12, 2 Feb 2025 08:00."""
    one, other = local_time(at, zone), datetime.fromtimestamp(now, zone)
    if one is None:
        return NO_TIME
    time = one.strftime("%H:%M")
    days = (other.date() - one.date()).days
    if days == 0:
        return time
    if days == 1:
        return f"{'kemarin' if language == 'id' else 'yesterday'} {time}"
    date = f"{one.day} {MONTHS[language][one.month - 1]}"
    return f"{date} {time}" if one.year == other.year else f"{date} {one.year} {time}"
