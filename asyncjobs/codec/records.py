"""Converters of dataclasses, NamedTuples and TypedDicts: a JSON object with one key for each field.

A field that the stored object doesn't have gets its default, so a field with a default may be added between two
deployments; one that the class no longer has is refused, as nobody can say what it meant.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

from asyncjobs.codec.converter import Converter, Kind, equal, plain
from asyncjobs.codec.misfit import Misfit, TooDeep, shown
from asyncjobs.codec.text import dumps
from asyncjobs.record import record

_OBJECT: Final[frozenset[Kind]] = frozenset({"object"})


@record
class Fields:
    """The fields of one record type, in order: their converters, and which of them must be there."""

    of: str
    converters: Mapping[str, Converter]
    required: frozenset[str]

    def encode(self, read: Callable[[str], object], names: Mapping[str, Any], room: int) -> dict[str, object]:
        if not room:
            raise TooDeep()
        encoded: dict[str, object] = {}
        name = ""
        try:
            for name in names:
                encoded[name] = self.converters[name].encode(read(name), room - 1)
        except Misfit as misfit:
            misfit.under(f".{name}")
            raise
        return encoded

    def decode(self, stored: object) -> dict[str, object]:
        if type(stored) is not dict:
            raise Misfit.expected(self.of, stored)
        self.check(stored)
        decoded: dict[str, object] = {}
        name = ""
        try:
            for name, found in stored.items():
                decoded[name] = self.converters[name].decode(found)
        except Misfit as misfit:
            misfit.under(f".{name}")
            raise
        return decoded

    def check(self, names: Mapping[object, object]) -> None:
        """Raise `Misfit` unless every required field is among the names, and no unknown one."""
        missing = self.required - names.keys()
        unknown = names.keys() - self.converters.keys()
        if missing or unknown:
            wrong = [f"missing {', '.join(sorted(missing))}"] if missing else []
            wrong += [f"unexpected {', '.join(sorted(map(shown, unknown)))}"] if unknown else []
            raise Misfit(f"doesn't fit {self.of}({', '.join(self.converters)}): {'; '.join(wrong)}")


# --- dataclass -------------------------------------------------------------------------------------------------------


def dataclass_of(cls: type[Any], converters: Mapping[str, Converter]) -> Converter:
    """Of exactly this class: an instance of a subclass would come back as something less.

    It is built again by its `__init__`. Where that does more than set the fields (a `__post_init__`, an `__init__` of
    the class's own), the value is built once at encoding too, and refused unless all its fields come back.
    """
    known = {field.name: field for field in dataclasses.fields(cls) if field.init}
    required = frozenset(name for name, field in known.items() if not _has_default(field))
    fields = Fields(cls.__name__, converters, required)
    computed = [field.name for field in dataclasses.fields(cls) if not field.init and field.compare]
    only_sets_fields = not hasattr(cls, "__post_init__") and not computed and _is_generated(cls)

    def take(value: object, room: int) -> dict[str, object]:
        def read(name: str) -> object:
            try:
                return getattr(value, name)
            except AttributeError as error:
                raise Misfit(f"{cls.__name__} has no value there") from error

        return fields.encode(read, converters, room)

    def encode(value: object, room: int) -> object:
        if type(value) is not cls:
            raise Misfit.expected(cls.__name__, value)
        encoded = take(value, room)
        if not only_sets_fields:
            again = decode(encoded)
            same = dumps(take(again, room)) == dumps(encoded)
            if not same or not all(equal(getattr(again, name), getattr(value, name)) for name in computed):
                raise Misfit(f"{shown(value)} would not come back the same: {cls.__name__}'s __init__ changes it")
        return encoded

    def decode(stored: object) -> object:
        return _build(cls, fields.decode(stored))

    return Converter(cls.__name__, encode, decode, _OBJECT, frozenset({cls}))


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _is_generated(cls: type[Any]) -> bool:
    # dataclasses compiles __init__ from text, and keeps one that the class wrote itself. A wrong answer here costs only
    # the time of building the value once more.
    code = getattr(cls.__init__, "__code__", None)
    new: object = cls.__new__
    return code is not None and code.co_filename == "<string>" and new is object.__new__


# --- NamedTuple ------------------------------------------------------------------------------------------------------


def namedtuple_of(cls: type[Any], converters: Mapping[str, Converter]) -> Converter:
    required = frozenset(converters) - frozenset(getattr(cls, "_field_defaults", ()))
    fields = Fields(cls.__name__, converters, required)

    def encode(value: object, room: int) -> object:
        if type(value) is not cls:
            raise Misfit.expected(cls.__name__, value)
        encoded = fields.encode(lambda name: getattr(value, name), converters, room)
        if cls.__new__ is not generated and not equal(decode(encoded), value):
            raise Misfit(f"{shown(value)} would not come back the same: {cls.__name__}'s __new__ changes it")
        return encoded

    def decode(stored: object) -> object:
        return _build(cls, fields.decode(stored))

    generated: Any = next(base for base in cls.__mro__ if "_fields" in vars(base)).__new__
    return Converter(cls.__name__, encode, decode, _OBJECT, frozenset({cls}))


# --- TypedDict -------------------------------------------------------------------------------------------------------


def typeddict_of(cls: type[Any], converters: Mapping[str, Converter], required: frozenset[str]) -> Converter:
    fields = Fields(cls.__name__, converters, required)

    def encode(value: object, room: int) -> object:
        found = value if type(value) is dict else plain(value, dict, dict)
        fields.check(found)
        return fields.encode(found.__getitem__, found, room)

    return Converter(cls.__name__, encode, fields.decode, _OBJECT, frozenset({dict}))


def _build(cls: type[Any], values: dict[str, object]) -> object:
    try:
        return cls(**values)
    except Exception as error:  # the class's own checks
        raise Misfit(f"{cls.__name__} refused {shown(values)}: {type(error).__name__}: {error}") from error
