"""Converters of list, dict, tuple, set and frozenset, each made for the converters of what they hold.

A list of JSON scalars is checked at C speed and carried as it is; only when that check doesn't say yes is every item
looked at, so that a refusal can name its place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from asyncjobs.codec.converter import Converter, Kind, plain
from asyncjobs.codec.misfit import Misfit, TooDeep, shown
from asyncjobs.codec.scalars import STR
from asyncjobs.codec.text import dumps, loads

_ARRAY: Final[frozenset[Kind]] = frozenset({"array"})
_OBJECT: Final[frozenset[Kind]] = frozenset({"object"})
_STRING: Final[frozenset[Kind]] = frozenset({"string"})


def _each(convert: Callable[..., object], items: Iterable[object], *room: int) -> list[object]:
    converted: list[object] = []
    try:
        for item in items:
            converted.append(convert(item, *room))
    except Misfit as misfit:
        misfit.under(f"[{len(converted)}]")
        raise
    return converted


def _never(items: Collection[object]) -> bool:
    return False


# --- list ------------------------------------------------------------------------------------------------------------


def list_of(item: Converter) -> Converter:
    name = f"list[{item.name}]"
    encode_item, decode_item, as_is = item.encode, item.decode, item.carries_as_is or _never

    def encode(value: object, room: int) -> object:
        items = value if type(value) is list else plain(value, list, list)
        if not room:
            raise TooDeep()
        return items if as_is(items) else _each(encode_item, items, room - 1)

    def decode(stored: object) -> object:
        if type(stored) is not list:
            raise Misfit.expected(name, stored)
        return stored if as_is(stored) else _each(decode_item, stored)

    return Converter(name, encode, decode, _ARRAY, frozenset({list}))


# --- set, frozenset, and the tuple of any length ---------------------------------------------------------------------


def collection_of(kind: type[Any], item: Converter) -> Converter:
    """An array of a `set`, a `frozenset` or a `tuple[T, ...]`; that of a set is sorted, so equal sets are equal text."""
    ordered = kind is tuple
    name = f"tuple[{item.name}, ...]" if ordered else f"{kind.__name__}[{item.name}]"
    encode_item, decode_item, as_is = item.encode, item.decode, item.carries_as_is or _never

    def encode(value: object, room: int) -> object:
        items: Collection[object] = value if type(value) is kind else plain(value, kind, kind)  # type: ignore[assignment]
        if not room:
            raise TooDeep()
        encoded = list(items) if as_is(items) else _each(encode_item, items, room - 1)
        return encoded if ordered else sorted(encoded, key=dumps)

    def decode(stored: object) -> object:
        if type(stored) is not list:
            raise Misfit.expected(name, stored)
        try:
            return kind(stored if as_is(stored) else _each(decode_item, stored))
        except TypeError as error:  # an item of a set that can't be hashed
            raise Misfit.expected(name, stored) from error

    return Converter(name, encode, decode, _ARRAY, frozenset({kind}))


# --- the tuple of fixed length ---------------------------------------------------------------------------------------


def tuple_of(items: Sequence[Converter]) -> Converter:
    name = f"tuple[{', '.join(item.name for item in items) or '()'}]"
    encoders = [item.encode for item in items]
    decoders = [item.decode for item in items]

    def encode(value: object, room: int) -> object:
        parts = value if type(value) is tuple else plain(value, tuple, tuple)
        if len(parts) != len(encoders):
            raise Misfit.expected(name, value)
        if not room:
            raise TooDeep()
        encoded: list[object] = []
        try:
            for convert, part in zip(encoders, parts, strict=True):
                encoded.append(convert(part, room - 1))
        except Misfit as misfit:
            misfit.under(f"[{len(encoded)}]")
            raise
        return encoded

    def decode(stored: object) -> object:
        if type(stored) is not list or len(stored) != len(decoders):
            raise Misfit.expected(name, stored)
        decoded: list[object] = []
        try:
            for convert, part in zip(decoders, stored, strict=True):
                decoded.append(convert(part))
        except Misfit as misfit:
            misfit.under(f"[{len(decoded)}]")
            raise
        return tuple(decoded)

    return Converter(name, encode, decode, _ARRAY, frozenset({tuple}))


# --- dict ------------------------------------------------------------------------------------------------------------


def dict_of(key: Converter, item: Converter) -> Converter:
    """A JSON object. A key that always becomes a string is used as it is, any other as its JSON text: `{"7": …}`."""
    name = f"dict[{key.name}, {item.name}]"
    encode_key, decode_key = (key.encode, key.decode) if key.kinds == _STRING else _as_text(key)
    encode_item, decode_item = item.encode, item.decode
    keys_as_is = STR.carries_as_is if key is STR and STR.carries_as_is else _never
    items_as_is = item.carries_as_is or _never

    def encode(value: object, room: int) -> object:
        items = value if type(value) is dict else plain(value, dict, dict)
        if not room:
            raise TooDeep()
        if keys_as_is(items) and items_as_is(items.values()):
            return items
        encoded: dict[object, object] = {}
        at = None
        try:
            for at, found in items.items():
                encoded[encode_key(at, room - 1)] = encode_item(found, room - 1)
        except Misfit as misfit:
            misfit.under(f"[{shown(at)}]")
            raise
        if len(encoded) != len(items):
            raise Misfit(f"two keys of {name} become the same text: {shown(list(items))}")
        return encoded

    def decode(stored: object) -> object:
        if type(stored) is not dict:
            raise Misfit.expected(name, stored)
        if keys_as_is(stored) and items_as_is(stored.values()):
            return stored
        decoded: dict[object, object] = {}
        at = None
        try:
            for at, found in stored.items():
                decoded[decode_key(at)] = decode_item(found)
        except Misfit as misfit:
            misfit.under(f"[{shown(at)}]")
            raise
        except TypeError as error:  # a key that can't be hashed
            raise Misfit.expected(name, stored) from error
        return decoded

    return Converter(name, encode, decode, _OBJECT, frozenset({dict}))


def _as_text(key: Converter) -> tuple[Callable[[object, int], object], Callable[[object], object]]:
    def encode(value: object, room: int) -> str:
        return dumps(key.encode(value, room))

    def decode(stored: object) -> object:
        if type(stored) is not str:
            raise Misfit.expected(key.name, stored)
        return key.decode(loads(stored))

    return encode, decode
