"""Converters of `datetime`, `date`, `time` and `timedelta`, as ISO 8601 text.

Nothing about a moment is lost: the offset goes into the text to its last microsecond, a `ZoneInfo` beside it as in
RFC 9557, and `fold` in a suffix in that RFC's manner: `2026-10-25T02:30:00+01:00[Europe/Berlin][_fold=1]`. Any other
`tzinfo` comes back as a fixed offset: the same instant, and the same `utcoffset()`.

The zone travels because two aware datetimes of different `tzinfo` are never equal in an hour that the clocks repeat or
skip (PEP 495), and because "tomorrow at the same time" needs it. Where the reading machine doesn't know the zone, or
its rules have changed since, the stored offset holds, so the instant is never moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from asyncjobs.codec.converter import plain
from asyncjobs.codec.misfit import Misfit
from asyncjobs.codec.scalars import of_string

_FOLD: Final = "[_fold=1]"
# No dots: a zone's key is looked up below the time zone database only, in the file system and in `tzdata`.
_KEY: Final = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_SUFFIXED: Final = re.compile(rf"([^\[\]]+)(?:\[({_KEY.pattern})\])?(\[_fold=1\])?")
_DURATION: Final = re.compile(r"(-?)P([0-9]{1,9})DT([0-9]{1,5})(?:\.([0-9]{6}))?S")

# CPython 3.11 reads an offset below one second as UTC (found by our property tests).
_BELOW_A_SECOND: Final = re.compile(r"(.+)([+-])00:00:00\.([0-9]{6})")

_Moment = TypeVar("_Moment", datetime, time)


def _suffix(zone: tzinfo | None, fold: int) -> str:
    key = zone.key if isinstance(zone, ZoneInfo) else None
    name = f"[{key}]" if key and _KEY.fullmatch(key) else ""
    return name + _FOLD if fold else name


def _split(text: str) -> tuple[str, str | None, int]:
    match = _SUFFIXED.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return match[1], match[2], 1 if match[3] else 0


def _read(read: Callable[[str], _Moment], text: str) -> _Moment:
    match = _BELOW_A_SECOND.fullmatch(text) if "00:00:00." in text else None
    if match is None:
        return read(text)
    offset = timedelta(microseconds=int(match[2] + match[3]))
    return read(match[1]).replace(tzinfo=timezone(offset))


def _at_home(moment: _Moment, key: str, fold: int) -> _Moment | None:
    """The moment in its zone, or None where the zone isn't known here or disagrees with the stored offset."""
    try:
        zone = ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    there = moment.replace(tzinfo=zone, fold=fold)
    return there if there.utcoffset() == moment.utcoffset() else None


# --- datetime --------------------------------------------------------------------------------------------------------


def _encode_datetime(value: object, room: int) -> str:
    moment = value if type(value) is datetime else plain(value, datetime, _bare_datetime)
    zone = moment.tzinfo
    text = moment.isoformat()
    return text if not moment.fold and (zone is None or type(zone) is timezone) else text + _suffix(zone, moment.fold)


def _bare_datetime(value: datetime) -> datetime:
    return datetime.combine(date(value.year, value.month, value.day), _bare_time(value.timetz()))


def _parse_datetime(text: str) -> datetime:
    if len(text) <= len("2026-11-23"):  # else a stored date would pass as its midnight
        raise ValueError(text)
    if text[-1] != "]":
        return _read(datetime.fromisoformat, text)
    iso, key, fold = _split(text)
    moment = _read(datetime.fromisoformat, iso).replace(fold=fold)
    return (_at_home(moment, key, fold) or moment) if key else moment


# --- date ------------------------------------------------------------------------------------------------------------


def _encode_date(value: object, room: int) -> str:
    return (value if type(value) is date else plain(value, date, _bare_date)).isoformat()


def _bare_date(value: date) -> date:
    return date(value.year, value.month, value.day)


# --- time ------------------------------------------------------------------------------------------------------------


def _encode_time(value: object, room: int) -> str:
    moment = value if type(value) is time else plain(value, time, _bare_time)
    suffix = _suffix(moment.tzinfo, moment.fold)
    if moment.tzinfo is not None and moment.utcoffset() is None and not suffix.removesuffix(_FOLD):
        raise Misfit(f"time in {moment.tzinfo!r} has no fixed offset and no zone name; send a ZoneInfo or an offset")
    return moment.isoformat() + suffix


def _bare_time(value: time) -> time:
    return time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)


def _parse_time(text: str) -> time:
    iso, key, fold = _split(text)
    moment = _read(time.fromisoformat, iso).replace(fold=fold)
    if key is None:
        return moment
    there = _at_home(moment, key, fold)
    if there is None and moment.tzinfo is None:  # nothing else in the text says which time this is
        raise ValueError(text)
    return there or moment


# --- timedelta -------------------------------------------------------------------------------------------------------


def _encode_timedelta(value: object, room: int) -> str:
    delta = value if type(value) is timedelta else plain(value, timedelta, _bare_timedelta)
    sign, size = ("-", -delta) if delta.days < 0 else ("", delta)
    fraction = f".{size.microseconds:06}" if size.microseconds else ""
    return f"{sign}P{size.days}DT{size.seconds}{fraction}S"


def _bare_timedelta(value: timedelta) -> timedelta:
    return timedelta(value.days, value.seconds, value.microseconds)


def _parse_timedelta(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    size = timedelta(int(match[2]), int(match[3]), int(match[4] or 0))
    return -size if match[1] else size


DATETIME: Final = of_string("datetime", datetime, _encode_datetime, _parse_datetime)
DATE: Final = of_string("date", date, _encode_date, date.fromisoformat)
TIME: Final = of_string("time", time, _encode_time, _parse_time)
TIMEDELTA: Final = of_string("timedelta", timedelta, _encode_timedelta, _parse_timedelta)
