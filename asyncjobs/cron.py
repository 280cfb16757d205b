"""When a schedule fires: crontab lines and fixed periods, as moments that every process computes alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from asyncjobs.errors import ConfigurationError

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = {
    "second": 60,
    "minute": 60,
    "hour": 24,
    "day-of-month": 31,
    "month": 12,
    "day-of-week": 7,
}  # and how many values each has
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND, _SECOND = timedelta(milliseconds=1), timedelta(seconds=1)
_LOOK = timedelta(hours=12)  # between looks for a change of the clock: no two lie so near


class Cron:
    """A crontab line in a time zone. With six fields the first is of seconds.

    Around a change of the clock as in Debian's cron(8): a line with a fixed minute and hour fires once a day, at the end of
    the gap where its time is in one, and in the first of two hours of that name; one with a wildcard in either, or with six
    fields, follows the wall clock. Days of month and week are both asked for if either begins with `*`, else one of them is enough.
    """

    __slots__ = ("_is_fixed", "_line", "_zone", "expression", "tz")

    def __init__(self, expression: str, tz: str = "UTC") -> None:
        """Raises ConfigurationError for what is no crontab line, what never comes, and an unknown zone."""
        if not isinstance(expression, str):
            raise ConfigurationError(f'cron {expression!r}: give a crontab line, e.g. "0 9 * * mon-fri", or one of {_aliases()}')
        if expression.strip().startswith("@") and expression.strip().lower() not in ALIASES:
            raise ConfigurationError(f"cron {expression!r} is none of {_aliases()}; for other periods: @jobs.every(minutes=5)")
        self.expression, self.tz, self._zone = expression, tz, _zone(tz)
        self._line = ALIASES.get(expression.strip().lower(), expression)
        fields = self._line.split()
        self._is_fixed = len(fields) == 5 and not any(field.startswith("*") for field in fields[:2])
        try:
            never = self.after(0) is None
        except CronSimError as error:
            if _is_of_days_that_never_come(fields, error):
                raise ConfigurationError(self._never()) from None
            raise ConfigurationError(
                f"cron {expression!r}: {str(error).lower()}. Five fields: minute, hour, day of month, month, day of week (six: seconds "
                f'first), e.g. "0 9 * * mon-fri"; or one of {_aliases()}'
            ) from error
        if never:
            raise ConfigurationError(self._never())
        for (name, values), field in zip(list(_FIELDS.items())[-len(fields) :], fields, strict=True):
            for term in field.split(","):
                step = term.partition("/")[2]
                if step and int(step) > values:
                    raise ConfigurationError(
                        f"cron {expression!r}: a step of {step} is more than the {values} values of its {name} field, and would not be one; for "
                        "other periods: @jobs.every(minutes=90)"
                    )

    def _never(self) -> str:
        return f"cron {self.expression!r}: such a day never comes, so it would never fire; give a day that its months have"

    @property
    def words(self) -> str:
        """At 09:00 on Monday through Friday, by the clock of Europe/Berlin."""
        return f"{CronSim(self._line, _EPOCH).explain()}, {'UTC' if self.tz == 'UTC' else f'by the clock of {self.tz}'}"

    @property
    def text(self) -> str:
        """Both, as `schedule.times_of` reads them."""
        return f"cron {self.tz} {' '.join(self.expression.split())}"

    def after(self, moment: int) -> int | None:
        """The first time to fire after this one, both in ms; None when there is none in fifty years."""
        now = _EPOCH + moment // 1000 * _SECOND  # fires are at whole seconds
        fire = self._next_fixed(now) if self._is_fixed else self._next_on_the_wall(now)
        return None if fire is None else (fire - _EPOCH) // _MILLISECOND

    def _next_fixed(self, now: datetime) -> datetime | None:
        fires = (fire.astimezone(UTC) for fire in CronSim(self._line, now.astimezone(self._zone)))
        return next((fire for fire in fires if fire > now), None)  # begun within a repeated hour, it names times of the first

    def _next_on_the_wall(self, now: datetime) -> datetime | None:
        """By what the clock shows, one span between two changes of it after the other: across a change that is not of whole hours
        the library would leave times out (Lord Howe's is of half an hour)."""
        offset = self._offset(now)
        while True:
            wall = next(CronSim(self._line, (now + offset).replace(tzinfo=None)), None)
            if wall is None:
                return None
            fire = wall.replace(tzinfo=UTC) - offset
            change = self._first_change(now, fire)
            if change is None:
                return fire
            now, offset = change - _SECOND, self._offset(change)

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self._zone).utcoffset() or timedelta()

    def _first_change(self, begin: datetime, end: datetime) -> datetime | None:
        """The first second after `begin`, up to `end`, at which the clock has another offset than in the second after `begin`."""
        before = begin + _SECOND
        offset = self._offset(before)
        while before < end:
            after = min(before + _LOOK, end)
            if self._offset(after) != offset:
                while after - before > _SECOND:
                    middle = before + (after - before) // 2 // _SECOND * _SECOND
                    before, after = (middle, after) if self._offset(middle) == offset else (before, middle)
                return after
            before = after
        return None


class Every:
    """A fixed period, counted from the epoch, so that processes that start at different times agree."""

    __slots__ = ("period",)

    def __init__(self, period: float | timedelta) -> None:
        """period: seconds, or a timedelta; one second at least. Raises ConfigurationError."""
        seconds = period.total_seconds() if isinstance(period, timedelta) else period
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise ConfigurationError(f"every {period!r}: give seconds, or a timedelta")
        if not 1 <= seconds <= 366 * 86_400:
            raise ConfigurationError(f"every {seconds:g} s: give a {'year at most' if seconds > 1 else 'second at least'}")
        self.period = round(seconds * 1000)  # ms

    @property
    def text(self) -> str:
        """As `schedule.times_of` reads it."""
        return f"every {self.period}"

    def after(self, moment: int) -> int:
        """The first time to fire after this one, both in ms."""
        return (moment // self.period + 1) * self.period


def _is_of_days_that_never_come(fields: list[str], error: CronSimError) -> bool:
    """Whether each field can be, but none of its months has such a day."""
    if str(error).lower() != "bad day-of-month" or len(fields) not in (5, 6):
        return False
    try:
        CronSim(" ".join([*fields[:-2], "*", fields[-1]]), _EPOCH)
    except CronSimError:
        return False
    return True


def _zone(tz: object) -> ZoneInfo:
    if not isinstance(tz, str):
        raise ConfigurationError(f'tz={tz!r}: give the time zone\'s name as a text, e.g. "Europe/Berlin"')
    try:
        if tz:
            return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of the database, or a path out of it
        pass
    raise ConfigurationError(
        f'tz={tz!r} is no time zone that is known here: give its name, e.g. "Europe/Berlin" (where the system knows none: `pip install tzdata`)'
    )


def _aliases() -> str:
    return ", ".join(ALIASES)
