"""A page at an address: what is looked at for it, and its two faces of the same thing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from asyncjobs.record import record
from asyncjobs.stats import Snapshot
from asyncjobs.web.access import Visitor
from asyncjobs.web.layout import Place
from asyncjobs.web.present import Fields
from asyncjobs.web.redact import Redaction
from asyncjobs.web.source import Source

T = TypeVar("T")


@record
class Visit:
    """Who looks, where, and what was asked for. now: in ms."""

    query: Mapping[str, str]
    visitor: Visitor
    place: Place
    redaction: Redaction
    now: int


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
