"""Numbers, durations and moments as people say them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncjobs.cron import Cron
from asyncjobs.errors import ConfigurationError
from asyncjobs.schedule import Schedule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip  # not strftime, which speaks the server's language
NOTHING = "–"


def moment(milliseconds: int) -> datetime:
    """The time that these milliseconds since the epoch mean, UTC, exactly."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def iso(milliseconds: int) -> str:
    """2026-11-23T19:20:31.042Z"""
    return moment(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def date(milliseconds: int) -> str:
    """23 November 2026, 19:20:31 UTC"""
    at = moment(milliseconds)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M:%S} UTC"


def short_date(milliseconds: int) -> str:
    """23 Nov 2026, 19:20:31; UTC, as all moments are"""
    at = moment(milliseconds)
    return f"{at.day} {_MONTHS[at.month - 1][:3]} {at.year}, {at:%H:%M:%S}"


def clock(milliseconds: int) -> str:
    """19:20; of the day in UTC"""
    return f"{moment(milliseconds):%H:%M}"


def day_and_clock(milliseconds: int) -> str:
    """23 Nov, 19:20"""
    at = moment(milliseconds)
    return f"{at.day} {_MONTHS[at.month - 1][:3]}, {at:%H:%M}"


def count(number: int, *, more: bool = False) -> str:
    """1,234; with `more`, 10,000+"""
    return f"{number:,}+" if more else f"{number:,}"


def counted(number: int, one: str, many: str) -> str:
    """1 problem, 2 problems"""
    return f"{number:,} {one if number == 1 else many}"


def duration(seconds: float | None) -> str:
    """1.2 ms, 340 ms, 4.8 s, 41 s, 3 min 4 s, 2 h 5 min, 3 d 4 h; a dash for None. Two figures that matter, never more."""
    if seconds is None:
        return NOTHING
    milliseconds = seconds * 1000
    if milliseconds < 0.05:
        return "0 ms"
    if milliseconds < 999.5:
        return f"{_short(milliseconds)} ms"
    if seconds < 59.5:
        return f"{_short(seconds)} s"
    whole = round(seconds)
    if whole < 3600:
        return _two(whole, 60, "min", "s")
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return _two(minutes, 60, "h", "min")
    return _two(round(seconds / 3600), 24, "d", "h")


def size(bytes_: int) -> str:
    """512 bytes, 4.1 KiB, 512 MiB, 1.2 GiB: two or three figures that matter"""
    if bytes_ < 1024:
        return counted(bytes_, "byte", "bytes")
    number, units = bytes_ / 1024, ["KiB", "MiB", "GiB", "TiB"]
    while number >= 1023.5 and len(units) > 1:
        number, units = number / 1024, units[1:]
    return f"{_short(number)} {units[0]}" if number < 1000 else f"{number:,.0f} {units[0]}"


def preview(values: Mapping[str, Any], most: int) -> str:
    """to="ada@example.org", n=7; cut where it gets long"""
    text = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    return text if len(text) <= most else text[: most - 1] + "…"


def when(schedule: Schedule) -> str:
    """0 9 * * mon-fri (Europe/Berlin), or every 5 min; as it stands where it can't be read here."""
    try:
        times = schedule.times
    except ConfigurationError:
        return schedule.when
    return f"{times.expression} ({times.tz})" if isinstance(times, Cron) else f"every {duration(times.period / 1000)}"


def in_words(schedule: Schedule) -> str:
    """At 09:00 on Monday through Friday, by the clock of Europe/Berlin; as `when` for a period, and where it can't be read here."""
    try:
        times = schedule.times
    except ConfigurationError:
        return schedule.when
    return times.words if isinstance(times, Cron) else when(schedule)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if number < 9.95 else f"{number:.0f}"


def _two(number: int, size: int, big: str, small: str) -> str:
    whole, rest = divmod(number, size)
    return f"{whole:,} {big} {rest} {small}" if rest else f"{whole:,} {big}"
