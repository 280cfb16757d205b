"""Whatever is accepted comes back equal and as the same type; whatever isn't is refused with an `ArgumentError`."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple, Optional, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncjobs.codec import Arguments, Result, decode_meta, encode_meta
from asyncjobs.errors import ArgumentError

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")


class Colour(Enum):
    RED = "red"
    PAIR = (1, 2)
    NOTHING = None


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int
    label: str = ""


class Movie(TypedDict, total=False):
    title: str
    seen: dt.datetime


@dataclass
class Node:
    name: str
    when: dt.datetime | None = None
    children: list[Node] = field(default_factory=list)
    extra: Any = None


def has_pair(text: str) -> bool:
    return re.search("[\ud800-\udbff][\udc00-\udfff]", text) is not None


texts = st.text(st.characters(), max_size=8).filter(lambda text: not has_pair(text))
ints = st.integers(-(2**100), 2**100)
floats = st.floats(allow_nan=False, allow_infinity=False)
offsets = st.integers(-86_399_999_999, 86_399_999_999).map(lambda it: dt.timezone(dt.timedelta(microseconds=it)))
zones = st.none() | st.just(dt.UTC) | offsets | st.sampled_from(ZONES).map(ZoneInfo)
datetimes = st.builds(
    lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold), st.datetimes(), zones, st.sampled_from((0, 1))
)
times = st.builds(lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold), st.times(), zones, st.sampled_from((0, 1)))
decimals = st.decimals(allow_nan=False)
hashables = st.one_of(
    st.none(),
    st.booleans(),
    ints,
    floats,
    texts,
    st.binary(max_size=8),
    datetimes,
    st.dates(),
    times,
    st.timedeltas(),
    st.uuids(),
    decimals,
)
keys = st.one_of(hashables, st.tuples(hashables, hashables), st.just("$"), st.just("v"))
anything = st.recursive(
    hashables,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(st.sampled_from(("$", "v", "a")), inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(keys, max_size=3),
        st.frozensets(keys, max_size=3),
    ),
    max_leaves=8,
)
nodes = st.recursive(
    st.builds(Node, texts, st.none() | datetimes, st.just([]), anything),
    lambda inner: st.builds(Node, texts, st.none(), st.lists(inner, max_size=3), st.none()),
    max_leaves=4,
)
movies = st.fixed_dictionaries({}, optional={"title": texts, "seen": datetimes})
colours = st.sampled_from(Colour)

CARRIED: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, ints | st.booleans()),
    (float, floats),
    (str, texts),
    (bytes, st.binary()),
    (Any, anything),
    (dt.datetime, datetimes),
    (dt.date, st.dates()),
    (dt.time, times),
    (dt.timedelta, st.timedeltas()),
    (UUID, st.uuids()),
    (Decimal, decimals),
    (PurePosixPath, texts.map(PurePosixPath)),
    (Colour, colours),
    (Level, st.sampled_from(Level)),
    (Literal["a", 1, True, None], st.sampled_from(("a", 1, True, None))),
    (list[int], st.lists(ints | st.booleans())),
    (list[float], st.lists(floats)),
    (list[str], st.lists(texts)),
    (list[dt.datetime], st.lists(datetimes, max_size=3)),
    (dict, st.dictionaries(keys, anything, max_size=3)),
    (dict[str, int], st.dictionaries(texts, ints)),
    (dict[int, str], st.dictionaries(ints, texts)),
    (dict[float, None], st.dictionaries(floats, st.none())),
    (dict[UUID, Any], st.dictionaries(st.uuids(), anything, max_size=3)),
    (dict[dt.date, list[int]], st.dictionaries(st.dates(), st.lists(ints), max_size=3)),
    (dict[Colour, int], st.dictionaries(colours, ints)),
    (dict[str | int | None, int], st.dictionaries(texts | ints | st.none(), ints)),
    (dict[str | UUID, int], st.dictionaries(texts | st.uuids(), ints)),
    (dict[tuple[int, str], int], st.dictionaries(st.tuples(ints, texts), ints)),
    (tuple[int, str], st.tuples(ints, texts)),
    (tuple[dt.date, ...], st.lists(st.dates()).map(tuple)),
    (tuple, st.lists(anything, max_size=3).map(tuple)),
    (set[str], st.sets(texts)),
    (frozenset[UUID | int], st.frozensets(st.uuids() | ints)),
    (Sequence[int], st.lists(ints) | st.lists(ints).map(tuple)),
    (Collection[int], st.lists(ints) | st.sets(ints) | st.frozensets(ints) | st.lists(ints).map(tuple)),
    (AbstractSet[str], st.sets(texts) | st.frozensets(texts)),
    (Mapping[str, float], st.dictionaries(texts, floats)),
    (str | dt.datetime, texts | datetimes),
    (dt.datetime | dt.date | str | bytes, texts | datetimes | st.dates() | st.binary()),
    (int | Decimal, ints | decimals),
    (float | int, ints | floats),
    (bool | int, ints | st.booleans()),
    (int | Level, ints | st.sampled_from(Level)),
    (Literal[True] | int, ints | st.booleans()),
    (Optional[Colour], st.none() | colours.filter(lambda it: it is not Colour.NOTHING)),  # noqa: UP045
    (Colour | None, st.none() | colours),
    (list[int] | list[str], st.lists(ints, min_size=1) | st.lists(texts, min_size=1)),
    (list[int] | tuple[int, ...] | set[int], st.lists(ints) | st.lists(ints).map(tuple) | st.sets(ints)),
    (dict[str, int] | Node | None, st.dictionaries(texts | st.just("$"), ints) | nodes | st.none()),
    (Movie | Node, movies | nodes),
    (Point, st.builds(Point, ints, texts)),
    (Movie, movies),
    (Node, nodes),
]


def exact(value: object) -> object:
    """A form in which two values are equal only if nobody could tell them apart."""
    if isinstance(value, float):
        return (float, value, math.copysign(1, value))
    if isinstance(value, Decimal):
        return (Decimal, str(value))
    if isinstance(value, dt.datetime):
        return (dt.datetime, value.replace(tzinfo=None), value.fold, value.utcoffset(), zone_of(value))
    if isinstance(value, dt.time):
        return (dt.time, value.replace(tzinfo=None), value.fold, value.utcoffset(), zone_of(value))
    if isinstance(value, dict):
        return (dict, [(exact(key), exact(item)) for key, item in value.items()])
    if isinstance(value, (set, frozenset)):
        return (type(value), sorted(repr(exact(item)) for item in value))
    if isinstance(value, (list, tuple)):
        return (type(value), [exact(item) for item in value])
    if isinstance(value, Node):
        return (Node, exact([value.name, value.when, value.children, value.extra]))
    return (type(value), value)


def zone_of(value: dt.datetime | dt.time) -> str | None:
    return value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None


def arguments_for(annotation: object) -> Arguments:
    def task(value): ...

    task.__annotations__ = {"value": annotation}
    return Arguments.of(task, skip_first=False)


@pytest.mark.parametrize(("annotation", "values"), CARRIED, ids=[str(annotation) for annotation, _ in CARRIED])
def test_a_value_of_the_annotation_comes_back_exactly(annotation: object, values: st.SearchStrategy[Any]) -> None:
    arguments = arguments_for(annotation)

    @given(values)
    def round_trip(value: object) -> None:
        text = arguments.encode((value,), {})
        assert text.isascii()
        json.loads(text, parse_constant=pytest.fail)
        args, kwargs = arguments.decode(text)
        assert args == ()
        assert exact(kwargs["value"]) == exact(value)
        assert kwargs["value"] == value
        assert arguments.encode((), kwargs) == text

    round_trip()


@pytest.mark.parametrize("annotation", [each for each, _ in CARRIED], ids=str)
def test_any_value_for_any_annotation_comes_back_equal_or_is_refused(annotation: object) -> None:
    arguments = arguments_for(annotation)

    @given(anything)
    def round_trip(value: object) -> None:
        try:
            text = arguments.encode((value,), {})
        except ArgumentError:
            return
        assert arguments.decode(text)[1]["value"] == value

    round_trip()


json_values = st.recursive(
    st.none() | st.booleans() | ints | floats | texts | st.just("2026-11-23"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from("$v"), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("annotation", [each for each, _ in CARRIED], ids=str)
def test_stored_text_of_any_kind_is_read_or_refused_with_an_argument_error(annotation: object) -> None:
    arguments = arguments_for(annotation)

    @given(json_values | st.builds(lambda tag, it: {"$": tag, "v": it}, st.sampled_from(TAGS), json_values))
    def read(stored: object) -> None:
        try:
            arguments.decode(json.dumps({"args": [], "kwargs": {"value": stored}}))
        except ArgumentError:
            return

    read()


TAGS = ("dict", "tuple", "set", "frozenset", "datetime", "date", "time", "timedelta", "UUID", "Decimal", "bytes", "?")


@given(st.text(max_size=20) | json_values.map(json.dumps))
def test_text_that_is_no_call_is_refused_with_an_argument_error(text: str) -> None:
    with pytest.raises(ArgumentError):
        arguments_for(int).decode(text)


@given(anything)
def test_a_result_without_annotation_comes_back_exactly(value: object) -> None:
    result = Result.of(lambda: None)
    assert exact(result.decode(result.encode(value))) == exact(value)


@given(st.dictionaries(texts, json_values))
def test_meta_comes_back_exactly(meta: dict[str, object]) -> None:
    text = encode_meta(meta)
    assert text.isascii()
    assert exact(decode_meta(text)) == exact(meta)


@given(st.integers(0, 5), st.data())
def test_two_spellings_of_a_call_are_the_same_text(positional: int, data: st.DataObject) -> None:
    def task(a: int, b: str = "", c: float = 0.0, *, d: bool = False, e: None = None) -> None: ...

    arguments = Arguments.of(task, skip_first=False)
    values = {"a": 1, "b": "x", "c": 2.5, "d": True, "e": None}
    names = list(values)
    first = min(positional, 3)
    rest = data.draw(st.permutations(names[first:]))
    text = arguments.encode(tuple(values[name] for name in names[:first]), {name: values[name] for name in rest})
    assert text == arguments.encode((), values)
    assert arguments.decode(text) == ((), values)
