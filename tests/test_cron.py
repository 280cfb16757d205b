"""Crontab lines against a clock that is watched minute by minute, around each change of it; bad ones are refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from asyncjobs.cron import ALIASES, Cron, Every
from asyncjobs.errors import ConfigurationError

YEAR = 2027
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ZONES = [
    "Europe/Berlin", "America/New_York", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Auckland",
    "America/St_Johns", "Atlantic/Azores", "Asia/Beirut", "Africa/Casablanca", "Asia/Kolkata", "UTC",
]  # fmt: skip
WORKDAYS = range(5)  # as datetime counts them


@dataclass(frozen=True)
class Line:
    """fixed: neither minute nor hour is a wildcard."""

    text: str
    matches: Callable[[datetime], bool]
    fixed: bool


LINES = [
    Line("30 2 * * *", lambda t: (t.hour, t.minute) == (2, 30), True),
    Line("0 2 * * *", lambda t: (t.hour, t.minute) == (2, 0), True),
    Line("15 2 * * *", lambda t: (t.hour, t.minute) == (2, 15), True),
    Line("30 1 * * *", lambda t: (t.hour, t.minute) == (1, 30), True),
    Line("0 0 * * *", lambda t: (t.hour, t.minute) == (0, 0), True),
    Line("45 23 * * *", lambda t: (t.hour, t.minute) == (23, 45), True),
    Line("0 3 * * *", lambda t: (t.hour, t.minute) == (3, 0), True),
    Line("30 0-5/2 * * *", lambda t: t.minute == 30 and t.hour in (0, 2, 4), True),
    Line("0 9 * * mon-fri", lambda t: (t.hour, t.minute) == (9, 0) and t.weekday() in WORKDAYS, True),
    Line("0 2 13 * fri", lambda t: (t.hour, t.minute) == (2, 0) and (t.day == 13 or t.weekday() == 4), True),
    Line("0 2 */2 * sun", lambda t: (t.hour, t.minute) == (2, 0) and t.day % 2 == 1 and t.weekday() == 6, True),
    Line("*/15 * * * *", lambda t: t.minute % 15 == 0, False),
    Line("7 * * * *", lambda t: t.minute == 7, False),
    Line("*/20 2 * * *", lambda t: t.hour == 2 and t.minute % 20 == 0, False),
    Line("0 */3 * * *", lambda t: t.minute == 0 and t.hour % 3 == 0, False),
]


def changes(zone: ZoneInfo) -> list[datetime]:
    """The hours (UTC) of the year within which the clock is set."""
    hours = [datetime(YEAR, 1, 1, tzinfo=UTC) + n * HOUR for n in range(366 * 24)]
    return [one for one, after in pairwise(hours) if _offset(one, zone) != _offset(after, zone)]


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def watched(line: Line, zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """When it fires, by what a clock on the wall shows at each minute."""
    at, latest = begin, (begin - MINUTE).astimezone(zone).replace(tzinfo=None)
    while at < end:
        wall = at.astimezone(zone).replace(tzinfo=None)
        if not line.fixed:
            fires = line.matches(wall)
        else:  # every time on the wall once, those that were left out at the end of their gap
            passed = int((wall - latest) / MINUTE)
            fires = any(line.matches(latest + n * MINUTE) for n in range(1, passed + 1))
        if fires:
            yield at
        latest = max(latest, wall)
        at += MINUTE


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.text)
@pytest.mark.parametrize("zone", ZONES)
def test_it_fires_as_a_clock_on_the_wall_says_wherever_it_is_begun(zone: str, line: Line) -> None:
    chance, cron, place = random.Random(f"{zone} {line.text}"), Cron(line.text, zone), ZoneInfo(zone)
    for change in [*changes(place), datetime(YEAR, 2, 27, tzinfo=UTC)]:
        begin, end = change - 30 * HOUR, change + 30 * HOUR
        fires = [milliseconds(at) for at in watched(line, place, begin, end)]
        at, found = milliseconds(begin) - 1, []
        while (following := cron.after(at)) is not None and following < milliseconds(end):
            found.append(following)
            at = following
        assert found == fires
        for _ in range(40):  # begun anew, at any instant
            start = chance.randrange(milliseconds(begin), milliseconds(end))
            expected = next((fire for fire in fires if fire > start), None)
            following = cron.after(start)
            assert following is not None
            assert following == expected if expected is not None else following >= milliseconds(end)


def test_most_zones_have_their_clock_set_twice_a_year() -> None:
    assert sum(len(changes(ZoneInfo(zone))) for zone in ZONES) >= 18


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_line_that_it_stands_for(alias: str) -> None:
    for start in range(0, 10**12, 10**10 + 7):
        assert Cron(f" {alias.upper()} ").after(start) == Cron(ALIASES[alias]).after(start)


def test_six_fields_begin_with_seconds() -> None:
    assert Cron("*/20 * * * * *").after(1_800_000_000_001) == 1_800_000_020_000


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "wrong number of fields"),
        ("* * * *", "wrong number of fields"),
        ("* * * * * * *", "wrong number of fields"),
        ("@dayly", "is none of @hourly, @daily.*every"),
        ("60 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 0 * *", "bad day-of-month"),
        ("* * * 13 *", "bad month"),
        ("* * * * 8", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("5-1 * * * *", "bad minute"),
        ("x * * * *", "bad minute"),
        ("١ * * * *", "bad minute"),
        ("0 0 32 2 *", "bad day-of-month"),
        ("0 0 31 13 *", "bad month"),
        (None, "give a crontab line"),
        (5, "give a crontab line"),
    ],
)
def test_what_is_no_crontab_line_is_refused_in_a_sentence(line: object, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        Cron(line)  # type: ignore[arg-type]
    assert "@daily" in str(refused.value)
    assert repr(line) in str(refused.value)


@pytest.mark.parametrize("line", ["0 9 31 2 *", "0 0 30 feb *", "0 0 0 31 4,6 *"])
def test_a_day_that_never_comes_is_said_to_be_one(line: str) -> None:
    with pytest.raises(ConfigurationError, match="such a day never comes"):
        Cron(line)


@pytest.mark.parametrize("line", ["*/90 * * * *", "0 */25 * * *", "0,5/61 * * * *", "*/61 * * * * *", "0 0 * * */8"])
def test_a_step_beyond_its_field_is_refused(line: str) -> None:
    with pytest.raises(ConfigurationError, match=r"a step of .* is more than the"):
        Cron(line)


@pytest.mark.parametrize(
    "line", ["*/60 * * * *", "0 */24 * * *", "0 0 */31 * *", "0 0 1 */12 *", "0 0 * * */7", "*/60 * * * * *"]
)
def test_a_step_of_a_whole_field_is_not(line: str) -> None:
    assert Cron(line).after(0) is not None


@pytest.mark.parametrize(
    "zone", ["", "Europe/Berln", "Europe", "../../etc/passwd", "/etc/localtime", "\0", "CET DST", None, 3600, UTC]
)
def test_an_unknown_zone_is_refused_in_a_sentence(zone: object) -> None:
    with pytest.raises(ConfigurationError, match="is no time zone" if isinstance(zone, str) else "name as a text"):
        Cron("@daily", zone)  # type: ignore[arg-type]


def test_a_period_is_counted_from_the_epoch() -> None:
    every = Every(90)
    assert [every.after(at) for at in (0, 1, 89_999, 90_000, 1_800_000_000_000)] == [
        90_000, 90_000, 90_000, 180_000, 1_800_000_090_000 - 1_800_000_000_000 % 90_000,
    ]  # fmt: skip
    assert Every(timedelta(minutes=1.5)).period == every.period


@pytest.mark.parametrize(
    ("period", "sentence"),
    [
        (0, "every 0 s: give a second at least"),
        (timedelta(seconds=0.5), "every 0.5 s: give a second at least"),
        (-1, "every -1 s: give a second at least"),
        (float("nan"), "every nan s: give a second at least"),
        (float("inf"), "every inf s: give a year at most"),
        (timedelta(days=400), "every 3.456e+07 s: give a year at most"),
        (True, "every True: give seconds, or a timedelta"),
        ("5", "every '5': give seconds, or a timedelta"),
        (None, "every None: give seconds, or a timedelta"),
    ],
)
def test_a_period_that_is_none_is_refused_in_a_sentence(period: object, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Every(period)  # type: ignore[arg-type]
    assert str(refused.value) == sentence
