"""A queue as it is configured: a name comes from the mapping it stands in, the rest from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asyncjobs.errors import ConfigurationError
from asyncjobs.names import check_name


@dataclass(frozen=True, slots=True)
class Queue:
    """`limit` jobs of this queue run at once in each process that works it."""

    limit: int = 10

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 1:
            raise ConfigurationError(
                f"Queue(limit={self.limit!r}): the limit is a whole number from 1. "
                "To run nothing of a queue in this process, leave it out of work=."
            )


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
