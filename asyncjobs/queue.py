"""A queue as it is configured: a name comes from the mapping it stands in, the rest from here."""

from __future__ import annotations

from collections.abc import Mapping

from asyncjobs.errors import ConfigurationError
from asyncjobs.names import check_name, shown
from asyncjobs.rate import Rate
from asyncjobs.record import frozen_record, record

MOST = 1_000_000_000  # of anything that is counted here; what is meant beyond is no limit


@frozen_record
class Queue:
    """How many of its jobs run.

    limit: at once in each process that works it. global_limit: at once in all processes together; None: no limit. rate: how
    many start in which time, in all processes together: "10/s", "100/min", "5/h", "1/d", "3/10s"; None: no limit. burst: how many
    of these may start at once after a quiet time; a tenth of a second's worth, one at least, if not given. max_waiting: how many
    may be queued, whether due, scheduled, to be retried or held; beyond that an enqueue raises QueueFull. None: no limit.
    """

    limit: int = 10
    rate: str | None = None
    burst: int | None = None
    global_limit: int | None = None
    max_waiting: int | None = None

    def __post_init__(self) -> None:
        if not is_count(self.limit):
            raise ConfigurationError(
                f"Queue(limit={shown(self.limit)}): the limit is a whole number from 1 to {MOST:,}. "
                "To run nothing of a queue in this process, leave it out of work=."
            )
        if self.global_limit is not None and not is_count(self.global_limit):
            raise ConfigurationError(
                f"Queue(global_limit={shown(self.global_limit)}): the limit is a whole number from 1 to {MOST:,}, or None for none. "
                "To run nothing of a queue anywhere, pause it: `await jobs.pause(name)`."
            )
        if self.max_waiting is not None and not is_count(self.max_waiting):
            raise ConfigurationError(
                f"Queue(max_waiting={shown(self.max_waiting)}): give how many may be queued, from 1 to {MOST:,}, or None"
            )
        if self.rate is not None:
            Rate.of(self.rate, self.burst)
        elif self.burst is not None:
            raise ConfigurationError(f"Queue(burst={self.burst!r}) belongs to a rate; give rate= too")

    @property
    def limits(self) -> Limits | None:
        """Those over all processes together; None where there are none."""
        if self.rate is None and self.global_limit is None:
            return None
        return Limits(self.global_limit, None if self.rate is None else Rate.of(self.rate, self.burst))


def is_count(value: object) -> bool:
    """A whole number from 1 to MOST."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST


@record
class Limits:
    """What holds for a queue over all processes together: so many at once, so often."""

    at_once: int | None = None
    rate: Rate | None = None


def queues_of(configured: Mapping[str, int | Queue]) -> dict[str, Queue]:
    """The configured queues, each as a Queue. Raises ConfigurationError for a bad name or limit."""
    if not isinstance(configured, Mapping):
        raise ConfigurationError(f'queues={configured!r}: give names with limits, e.g. queues={{"default": 10, "mail": 3}}')
    if not configured:
        raise ConfigurationError('queues={} leaves nowhere to put a job; give at least one, e.g. queues={"default": 10}')
    queues: dict[str, Queue] = {}
    for name, value in configured.items():
        check_name(name, "queue")
        queues[name] = value if isinstance(value, Queue) else Queue(limit=value)
    return queues
