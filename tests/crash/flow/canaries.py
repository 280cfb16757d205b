"""Guards taken out of the library in a child, to show that the judge sees what that lets through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from asyncjobs import task
from asyncjobs.queue import Limits
from asyncjobs.runner.limits import QueueLimits
from asyncjobs.schedule import Fire
from asyncjobs.store.sqlite import timetable
from asyncjobs.unique import UniqueCalls


def _limits(change: Callable[[Limits], Limits]) -> None:
    combine = QueueLimits._combine

    def combined(self: QueueLimits) -> None:
        combine(self)
        self.over_all = {name: change(limits) for name, limits in self.over_all.items()}

    QueueLimits._combine = combined  # type: ignore[method-assign]


def no_global_limit() -> None:
    _limits(lambda limits: Limits(None, limits.rate))


def no_rate() -> None:
    _limits(lambda limits: Limits(limits.at_once))


def no_keys() -> None:
    task._checked_key_limit = lambda limit: 1_000


def no_unique() -> None:
    UniqueCalls.apply = lambda self, job, args, kwargs: job  # type: ignore[method-assign]


def fires_whatever_its_version() -> None:
    fire = timetable._fire

    def unfenced(transaction: Any, one: Fire, now: int) -> bool:
        known = timetable._named(transaction, one.name)
        return fire(transaction, one if known is None else replace(one, version=known.version), now)

    timetable._fire = unfenced


CANARIES: dict[str, Callable[[], None]] = {
    "no global limit": no_global_limit,
    "no rate": no_rate,
    "no keys": no_keys,
    "no unique": no_unique,
    "fires whatever its version": fires_whatever_its_version,
}
