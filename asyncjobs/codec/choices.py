"""Converters of a closed set of values: `Literal`, carried as the value, and `Enum`, carried as its member's value."""

from __future__ import annotations

from enum import Enum, Flag
from typing import Final

from asyncjobs.codec.converter import KINDS, MAX_DEPTH, Converter, Kind, equal
from asyncjobs.codec.misfit import Misfit, shown
from asyncjobs.codec.scalars import BOOL, INT, NONE, STR
from asyncjobs.codec.untyped import ANY

_LITERALS: Final = {str: STR, int: INT, bool: BOOL, type(None): NONE}


def literal_of(values: tuple[object, ...]) -> Converter:
    """JSON's scalars only. Raises `Misfit` for a Literal of bytes or Enum members, which a tag would have to tell apart."""
    name = f"Literal[{', '.join(map(shown, values))}]"
    for value in values:
        if type(value) not in _LITERALS:
            raise Misfit(f"a Literal of {type(value).__name__} isn't carried; annotate an Enum instead")
    allowed = {(type(value), value) for value in values}  # with the type, as 1 == True

    def encode(value: object, room: int) -> object:
        kind = type(value)
        for base, scalar in _LITERALS.items():
            if kind is base or (kind not in _LITERALS and isinstance(value, base)):
                encoded = scalar.encode(value, room)
                if (type(encoded), encoded) in allowed:
                    return encoded
        raise Misfit.expected(name, value)

    def decode(stored: object) -> object:
        if type(stored) in _LITERALS and (type(stored), stored) in allowed:
            return stored
        raise Misfit.expected(name, stored)

    types = frozenset(map(type, values))
    return Converter(name, encode, decode, frozenset(KINDS[kind] for kind in types), types)


def enum_of(cls: type[Enum]) -> Converter:
    """Raises `Misfit` for an Enum with a member whose value `Any` doesn't carry."""
    name = cls.__name__
    by_name: dict[str, object] = {}  # a member may be unhashable
    for member in cls:
        try:
            encoded = by_name[member.name] = ANY.encode(member.value, MAX_DEPTH)
            _member(cls, encoded)
        except Misfit as misfit:
            raise Misfit(f"the value of {name}.{member.name} can't be carried: {misfit}") from misfit
    members = {(type(value), value): cls[it] for it, value in by_name.items() if type(value) in (str, int)}
    kinds: frozenset[Kind] = frozenset(KINDS[type(value)] for value in by_name.values())

    def encode(value: object, room: int) -> object:
        if not isinstance(value, cls):
            raise Misfit.expected(name, value)
        known = by_name.get(value.name)
        return known if known is not None else _encode_odd(cls, value, room)

    def decode(stored: object) -> object:
        if type(stored) is str or type(stored) is int:
            member = members.get((type(stored), stored))
            if member is not None:
                return member
        return _member(cls, stored)

    # The values that a Flag combines are in no list of members.
    return Converter(name, encode, decode, kinds | {"int"} if issubclass(cls, Flag) else kinds, frozenset({cls}))


def _encode_odd(cls: type[Enum], value: Enum, room: int) -> object:
    """A combination of flags, or a member that was made after the table."""
    encoded = ANY.encode(value.value, room)
    if equal(_member(cls, encoded), value):
        return encoded
    raise Misfit(f"the value of {shown(value)} doesn't lead back to it")


def _member(cls: type[Enum], stored: object) -> Enum:
    value = ANY.decode(stored)
    try:
        return cls(value)
    except Exception as error:  # a user's _missing_
        known = ", ".join(repr(member.value) for member in list(cls)[:8])
        raise Misfit(f"expected a value of {cls.__name__} ({known}), got {shown(value)}") from error
