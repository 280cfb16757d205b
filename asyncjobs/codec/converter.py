"""A converter: how the values of one annotation become what `json` writes, and come back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Literal, TypeAlias, TypeVar

from asyncjobs.codec.misfit import Misfit
from asyncjobs.record import record

Kind: TypeAlias = Literal["null", "bool", "int", "float", "string", "array", "object"]

T = TypeVar("T")

MAX_DEPTH: Final = 100
"""Levels of containers and records in one argument. A choice, not a measurement: far above any honest argument, and
with up to four frames or JSON levels to each it stays clear of Python's recursion limit of 1,000."""

KINDS: Final[dict[type, Kind]] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    list: "array",
    dict: "object",
}
ANY_KIND: Final[frozenset[Kind]] = frozenset(KINDS.values())


@record
class Converter:
    """Two functions, and what a union or a container has to know about them. Both raise `Misfit`, nothing else.

    `encode(value, room)` may answer with the value itself, so its result is to be written before anyone can change it;
    `room` is how many levels of nesting may still follow. `decode(stored)` takes what `json` read.
    """

    name: str
    """What a sentence calls it, and its tag where a union needs one."""
    encode: Callable[[object, int], object]
    decode: Callable[[object], object]
    kinds: frozenset[Kind]
    """What `encode` may answer with. A union needs no tag between members that share none."""
    types: frozenset[type] = frozenset()
    """Types whose values a union offers to this member first: those that come back as the same type."""
    carries_as_is: Callable[[Collection[object]], bool] | None = None
    """Whether every item is carried unchanged in both directions, answered without a Python call per item. A `False`
    decides nothing, except that each item has to be looked at."""


def plain(value: object, base: type[T], make: Callable[[T], T]) -> T:
    """`value`, an instance of a subclass of `base`, as the plain `base` that it will come back as.

    Raises `Misfit` unless it is one, and equal to what was sent: an `OrderedDict` is equal to its `dict`, a
    `datetime` isn't equal to its `date`.
    """
    if not isinstance(value, base):
        raise Misfit.expected(base.__name__, value)
    bare = make(value)
    if equal(bare, value):
        return bare
    raise Misfit(
        f"{type(value).__name__} would come back as a plain {base.__name__} that isn't equal to it; convert it before enqueueing"
    )


def equal(one: object, other: object) -> bool:
    try:
        return bool(one == other)
    except Exception:  # a user's __eq__; what can't be compared can't be shown to survive
        return False
