"""Converters of single values: JSON's own, and those that travel as one string."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection
from decimal import Decimal, DecimalException
from math import isfinite
from pathlib import PurePath
from typing import Final
from uuid import UUID

from asyncjobs.codec.converter import Converter, Kind, equal, plain
from asyncjobs.codec.misfit import Misfit, shown

_STRING: Final[frozenset[Kind]] = frozenset({"string"})

# json joins two such characters into the one that they encode, so the pair can't be told from it afterwards. One of
# them alone survives.
_SURROGATE_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")

# No limit on the digits of an int that Python lets anyone set can be below 640 digits, which is 2,126 bits.
_BITS_ALWAYS_PRINTED: Final = 2_000


def of_string(
    name: str, kind: type, encode: Callable[[object, int], str], parse: Callable[[str], object], *, types: bool = True
) -> Converter:
    """A converter to a string. What `parse` raises on a stored text that it can't read becomes the `Misfit`."""

    def decode(stored: object) -> object:
        if type(stored) is not str:
            raise Misfit.expected(name, stored)
        try:
            return parse(stored)
        except (ValueError, ArithmeticError, DecimalException) as error:
            raise Misfit.expected(name, stored) from error

    return Converter(name, encode, decode, _STRING, frozenset({kind}) if types else frozenset())


# --- JSON's own ------------------------------------------------------------------------------------------------------


def _native(
    name: str, kind: type, kinds: frozenset[Kind], encode: Callable[[object, int], object], usual: Callable[..., bool]
) -> Converter:
    only = {kind}

    def decode(stored: object) -> object:
        if type(stored) is kind:
            return stored
        raise Misfit.expected(name, stored)

    def carries_as_is(items: Collection[object]) -> bool:
        return set(map(type, items)) <= only and all(map(usual, items))

    return Converter(name, encode, decode, kinds, frozenset({kind}), carries_as_is)


def _encode_none(value: object, room: int) -> None:
    if value is not None:
        raise Misfit.expected("None", value)


def _encode_bool(value: object, room: int) -> bool:
    if value is True or value is False:
        return value
    raise Misfit.expected("bool", value)


def encode_str(value: object, room: int) -> str:
    text = value if type(value) is str else plain(value, str, str.__str__)
    if not text.isascii() and _SURROGATE_PAIR.search(text):
        raise Misfit(
            f"str {shown(text)} holds a surrogate pair as two characters, which JSON reads back as one; "
            "decode the text properly, or send it as bytes"
        )
    return text


def _encode_int(value: object, room: int) -> int:
    # A bool is an int to Python's types. It is carried as a bool, so it comes back as one.
    number = value if type(value) is int or type(value) is bool else plain(value, int, int.__index__)
    if number.bit_length() > _BITS_ALWAYS_PRINTED:
        try:
            str(number)
        except ValueError as error:
            raise Misfit(f"int has more digits than Python converts to text and back ({error})") from error
    return number


def _decode_int(stored: object) -> object:
    if type(stored) is int or type(stored) is bool:
        return stored
    raise Misfit.expected("int", stored)


def _encode_float(value: object, room: int) -> float:
    if type(value) is float:
        number = value
    elif isinstance(value, int):
        number = _float_of(value)
    else:
        number = plain(value, float, float.__float__)
    if not isfinite(number):
        raise Misfit(f"float {number!r} is not a number that JSON can carry; send None, a str or a Decimal")
    return number


def _decode_float(stored: object) -> object:
    if type(stored) is float:
        return stored
    if type(stored) is int:  # stored while the annotation was int
        return _float_of(stored)
    raise Misfit.expected("float", stored)


def _float_of(number: int) -> float:
    try:
        near = float(number)
    except OverflowError:
        near = None
    if near is None or near != number:
        raise Misfit(f"int {shown(number)} can't be a float without losing digits; annotate the parameter int")
    return near


NONE: Final = _native("None", type(None), frozenset({"null"}), _encode_none, lambda item: True)
BOOL: Final = _native("bool", bool, frozenset({"bool"}), _encode_bool, lambda item: True)
STR: Final = _native("str", str, _STRING, encode_str, str.isascii)
INT: Final = Converter(
    "int",
    _encode_int,
    _decode_int,
    frozenset({"int", "bool"}),
    frozenset({int}),
    # 63 bits are most of what there is; anything longer is looked at one by one.
    lambda items: set(map(type, items)) <= {int} and max(map(int.bit_length, items), default=0) < 64,  # type: ignore[arg-type]
)
FLOAT: Final = Converter(
    "float",
    _encode_float,
    _decode_float,
    frozenset({"float"}),
    frozenset({float}),
    lambda items: set(map(type, items)) <= {float} and all(map(isfinite, items)),  # type: ignore[arg-type]
)


# --- one string each -------------------------------------------------------------------------------------------------


def _encode_bytes(value: object, room: int) -> str:
    return b64encode(value if type(value) is bytes else plain(value, bytes, _bare_bytes)).decode("ascii")


def _bare_bytes(value: bytes) -> bytes:
    return bytes(memoryview(value))  # past a __bytes__ of the subclass's own


def _encode_uuid(value: object, room: int) -> str:
    # asyncpg answers with a UUID of its own; it is equal, and comes back as the standard one.
    return str(value if type(value) is UUID else plain(value, UUID, lambda it: UUID(int=it.int)))


def _encode_decimal(value: object, room: int) -> str:
    if isinstance(value, Decimal):  # by its text, as no NaN is equal to itself and a signalling one can't be compared
        return Decimal.__str__(value)
    raise Misfit.expected("Decimal", value)


def _parse_decimal(text: str) -> Decimal:
    number = Decimal(text)
    if number.is_nan() and "nan" not in text.lower():  # what a context that doesn't trap answers to any text
        raise ValueError(text)
    return number


BYTES: Final = of_string("bytes", bytes, _encode_bytes, lambda text: b64decode(text, validate=True))
UUID_: Final = of_string("UUID", UUID, _encode_uuid, UUID)
DECIMAL: Final = of_string("Decimal", Decimal, _encode_decimal, _parse_decimal)


def of_path(cls: type[PurePath]) -> Converter:
    """Any of pathlib's classes, as the text of the path. Names that are not valid UTF-8 survive."""

    def encode(value: object, room: int) -> str:
        if not isinstance(value, cls):
            raise Misfit.expected(cls.__name__, value)
        text = str(value)
        if not equal(cls(text), value):
            raise Misfit(f"{type(value).__name__} would come back as a {cls.__name__} that isn't equal to it")
        return encode_str(text, room)

    return of_string(cls.__name__, type(cls()), encode, cls)
