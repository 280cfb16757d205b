"""The converter of `Any`: JSON's types as they are, other plain values under a tag that says what they were.

A tag is an object such as `{"$": "datetime", "v": "2026-11-23T09:00:00"}`. A dict that JSON can't hold as an object,
or that could be taken for a tag, travels as its list of pairs under the tag `dict`, so nothing collides. The tags are
this closed table; a value that needs its class to come back needs an annotation that names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from asyncjobs.codec.converter import ANY_KIND, Converter, plain
from asyncjobs.codec.misfit import Misfit, TooDeep, shown
from asyncjobs.codec.moments import DATE, DATETIME, TIME, TIMEDELTA
from asyncjobs.codec.scalars import BYTES, DECIMAL, FLOAT, INT, UUID_, encode_str
from asyncjobs.codec.text import dumps

TAG: Final = "$"
VALUE: Final = "v"


def tagged(tag: str, encoded: object) -> dict[str, object]:
    return {TAG: tag, VALUE: encoded}


def untag(stored: dict[str, object]) -> tuple[str, object]:
    """The tag and the value under it. Raises `Misfit` for anything that `tagged` did not make."""
    tag = stored.get(TAG)
    if type(tag) is not str or len(stored) != 2 or VALUE not in stored:
        raise Misfit(f"expected a tagged value, got {shown(stored)}")
    return tag, stored[VALUE]


def encode(value: object, room: int) -> object:
    kind = type(value)
    if kind is str:
        return encode_str(value, room)
    if value is None or kind is bool:
        return value
    as_is = _AS_IS.get(kind)
    if as_is is not None:
        return as_is(value, room)
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return tagged(scalar.name, scalar.encode(value, room))
    if kind in _LISTED:
        return tagged(kind.__name__, _encode_listed(value, room))
    return _encode_subclass(value, room)


def decode(stored: object) -> object:
    if type(stored) is dict:
        return _decode_tagged(stored) if TAG in stored else _decode_dict(stored)
    if type(stored) is list:
        return _decode_list(stored)
    return stored


# --- containers ------------------------------------------------------------------------------------------------------


def _encode_list(value: Any, room: int) -> list[object]:
    if not room:
        raise TooDeep()
    encoded: list[object] = []
    try:
        for item in value:
            encoded.append(encode(item, room - 1))
    except Misfit as misfit:
        misfit.under(f"[{len(encoded)}]")
        raise
    return encoded


def _encode_listed(value: Any, room: int) -> list[object]:
    encoded = _encode_list(value, room)
    return encoded if isinstance(value, tuple) else sorted(encoded, key=dumps)  # the same set is the same text


def _encode_dict(value: Any, room: int) -> dict[str, object]:
    if not room:
        raise TooDeep()
    if TAG in value or not all(type(key) is str for key in value):
        return tagged("dict", _encode_pairs(value, room))
    encoded: dict[str, object] = {}
    key = None
    try:
        for key, item in value.items():
            encoded[encode_str(key, room)] = encode(item, room - 1)
    except Misfit as misfit:
        misfit.under(f"[{shown(key)}]")
        raise
    return encoded


def _encode_pairs(value: dict[object, object], room: int) -> list[object]:
    pairs: list[object] = []
    key = None
    try:
        for key, item in value.items():
            pairs.append([encode(key, room - 1), encode(item, room - 1)])
    except Misfit as misfit:
        misfit.under(f"[{shown(key)}]")
        raise
    return pairs


def _encode_subclass(value: object, room: int) -> object:
    """An equal plain value for a subclass of what `Any` carries; every other object needs an annotation."""
    if not isinstance(value, Enum) and not is_dataclass(value):
        for base, make in _BASES.items():
            if isinstance(value, base):
                return encode(plain(value, base, make), room)
    raise Misfit(
        f"{type(value).__name__} {shown(value)} can't be carried without knowing its class: annotate the parameter "
        "with it (an Enum, dataclass or pydantic model), or pass plain values such as an id"
    )


def _decode_list(stored: list[object]) -> list[object]:
    items: list[object] = []
    try:
        for item in stored:
            items.append(decode(item))
    except Misfit as misfit:
        misfit.under(f"[{len(items)}]")
        raise
    return items


def _decode_dict(stored: dict[str, object]) -> dict[str, object]:
    items: dict[str, object] = {}
    key = None
    try:
        for key, item in stored.items():
            items[key] = decode(item)
    except Misfit as misfit:
        misfit.under(f"[{shown(key)}]")
        raise
    return items


def _decode_tagged(stored: dict[str, object]) -> object:
    tag, value = untag(stored)
    known = _DECODERS.get(tag)
    if known is None:
        raise Misfit(f"unknown tag {shown(tag)}; known: {', '.join(sorted(_DECODERS))}")
    return known(value)


def _decode_pairs(stored: object) -> dict[object, object]:
    if type(stored) is not list or not all(type(pair) is list and len(pair) == 2 for pair in stored):
        raise Misfit.expected("a list of pairs", stored)
    try:
        return {decode(key): decode(item) for key, item in stored}
    except TypeError as error:
        raise Misfit(f"{error}") from error


def _listed(kind: Callable[[list[object]], object]) -> Callable[[object], object]:
    def decode_listed(stored: object) -> object:
        if type(stored) is not list:
            raise Misfit.expected("a list", stored)
        try:
            return kind(_decode_list(stored))
        except TypeError as error:  # an unhashable item of a set
            raise Misfit(f"{error}") from error

    return decode_listed


_LISTED: Final[frozenset[type]] = frozenset({tuple, set, frozenset})
_AS_IS: Final[dict[type, Callable[[object, int], object]]] = {
    int: INT.encode,
    float: FLOAT.encode,
    list: _encode_list,
    dict: _encode_dict,
}
_SCALARS: Final = {
    bytes: BYTES,
    datetime: DATETIME,
    date: DATE,
    time: TIME,
    timedelta: TIMEDELTA,
    UUID: UUID_,
    Decimal: DECIMAL,
}
_DECODERS: Final[dict[str, Callable[[object], object]]] = {
    "dict": _decode_pairs,
    **{kind.__name__: _listed(kind) for kind in (tuple, set, frozenset)},
    **{scalar.name: scalar.decode for scalar in _SCALARS.values()},
}


def _through(converter: Converter) -> Callable[[Any], Any]:
    return lambda value: converter.decode(converter.encode(value, 0))


_BASES: Final[dict[type[Any], Callable[[Any], Any]]] = {  # datetime before date, its base
    **{kind: kind for kind in (list, dict, tuple, set, frozenset)},
    **{str: str.__str__, int: int.__index__, float: float.__float__},
    **{kind: _through(scalar) for kind, scalar in _SCALARS.items()},
}

ANY: Final = Converter("Any", encode, decode, ANY_KIND)


# --- any dict --------------------------------------------------------------------------------------------------------


def _encode_any_dict(value: object, room: int) -> object:
    return _encode_dict(value if type(value) is dict else plain(value, dict, dict), room)


def _decode_any_dict(stored: object) -> object:
    found = decode(stored)
    if type(found) is dict:
        return found
    raise Misfit.expected("dict", stored)


ANY_DICT: Final = Converter("dict", _encode_any_dict, _decode_any_dict, frozenset({"object"}), frozenset({dict}))
