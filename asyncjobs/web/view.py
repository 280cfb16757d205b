"""A page at an address: what is looked at for it, and its two faces of the same thing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from asyncjobs.record import record
from asyncjobs.stats import QueueSnapshot, Snapshot
from asyncjobs.store.base import HistoryBucket
from asyncjobs.web.access import Visitor
from asyncjobs.web.chores import Chores
from asyncjobs.web.latest import Unreadable
from asyncjobs.web.layout import Place
from asyncjobs.web.present import Fields
from asyncjobs.web.redact import Redaction
from asyncjobs.web.source import Source
from asyncjobs.web.span import HOUR, Past, Span, past, past_of

T = TypeVar("T")


@record
class Visit:
    """Who looks, where, and what was asked for. now: in ms. span: how far back; history: all of that, in steps of its own, where it is more than
    the hour that the snapshot knows."""

    query: Mapping[str, str]
    visitor: Visitor
    place: Place
    redaction: Redaction
    chores: Chores
    now: int
    span: Span = HOUR
    history: Sequence[HistoryBucket] | Unreadable = ()

    def past(self, queue: QueueSnapshot) -> Past | Unreadable:
        """What ended in the time that was asked for, in this queue; in all of them for one without a name."""
        if isinstance(self.history, Unreadable):
            return self.history
        return past_of(queue) if self.span is HOUR else past(self.history, self.span, self.now, queue.name or None)


class Missing(Exception):
    """What was asked for is not there: the sentence says so."""


class View(NamedTuple, Generic[T]):
    """Looks by itself. look: raises Missing, ConfigurationError for a query that can't be, and what a Source raises."""

    look: Callable[[Source, Visit], Awaitable[T]]
    html: Callable[[T, Visit], str]
    fields: Callable[[T, Visit], Fields]


class NumbersView(NamedTuple):
    """Shows of the snapshot that every tab shares. May raise Missing."""

    html: Callable[[Snapshot, Visit], str]
    fields: Callable[[Snapshot, Visit], Fields]


AnyView = View[Any] | NumbersView
