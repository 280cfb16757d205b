"""From an annotation to its converter. Done once for each task, when it is registered."""

from __future__ import annotations

import sys
import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import InitVar, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Final, ForwardRef, Literal, NewType, TypeVar, Union, get_args, get_origin
from uuid import UUID

from asyncjobs.codec import hints
from asyncjobs.codec.choices import enum_of, literal_of
from asyncjobs.codec.containers import collection_of, dict_of, list_of, tuple_of
from asyncjobs.codec.converter import ANY_KIND, Converter, Kind
from asyncjobs.codec.misfit import Misfit
from asyncjobs.codec.models import is_model, model_of
from asyncjobs.codec.moments import DATE, DATETIME, TIME, TIMEDELTA
from asyncjobs.codec.records import dataclass_of, namedtuple_of, typeddict_of
from asyncjobs.codec.scalars import BOOL, BYTES, DECIMAL, FLOAT, INT, NONE, STR, UUID_, of_path
from asyncjobs.codec.unions import union_of
from asyncjobs.codec.untyped import ANY, ANY_DICT

_OBJECT: Final[frozenset[Kind]] = frozenset({"object"})

_SCALARS: Final[Mapping[object, Converter]] = {
    Any: ANY,
    object: ANY,
    None: NONE,
    type(None): NONE,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    str: STR,
    typing.LiteralString: STR,
    bytes: BYTES,
    datetime: DATETIME,
    date: DATE,
    time: TIME,
    timedelta: TIMEDELTA,
    UUID: UUID_,
    Decimal: DECIMAL,
}

# What an abstract annotation accepts. Each comes back as the type it was, so `Sequence[int]` is a union.
_ABSTRACT: Final[Mapping[object, tuple[type, ...]]] = {
    abc.Sequence: (list, tuple),
    abc.Reversible: (list, tuple),
    abc.MutableSequence: (list,),
    abc.Collection: (list, tuple, set, frozenset),
    abc.Iterable: (list, tuple, set, frozenset),
    abc.Container: (list, tuple, set, frozenset),
    abc.Set: (set, frozenset),
    abc.MutableSet: (set,),
    abc.Mapping: (dict,),
    abc.MutableMapping: (dict,),
}

_WRAPPERS: Final = frozenset({"Required", "NotRequired", "ReadOnly", "Final"})


class Uncarried(Exception):
    """No converter carries values of this annotation; the message says why."""


class Converters:
    """Makes the converters of one function's annotations; `names` are those that a forward reference may use."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._made: dict[object, Converter] = {}  # records and aliases, which may contain themselves

    def of(self, annotation: object) -> Converter:
        """Raises `Uncarried`, `hints.Unresolved` or `hints.Unreadable`."""
        annotation = _bare(annotation)
        try:
            scalar = _SCALARS.get(annotation)
        except TypeError as error:  # unhashable, so no type
            raise Uncarried(f"{annotation!r} is no type") from error
        if scalar is not None:
            return scalar
        if isinstance(annotation, (str, ForwardRef)):
            return self._forward(annotation)
        members = self._members(annotation)
        if len(members) > 1:
            return union_of(list({id(made): made for made in map(self.of, members)}.values()))
        return self._single(members[0])

    def _single(self, annotation: object) -> Converter:
        origin, args = get_origin(annotation) or annotation, get_args(annotation)
        if origin is Literal:
            return _carried(lambda: literal_of(args))
        if isinstance(origin, TypeVar):
            return self.of(_stand_in(origin))
        if _is_alias(origin):
            return self._itself(annotation, ANY_KIND, frozenset(), lambda: self.of(_alias_value(annotation)))
        if origin is list:
            return list_of(self.of(args[0]) if args else ANY)
        if origin in (set, frozenset):
            return collection_of(typing.cast(type, origin), self.of(args[0]) if args else ANY)
        if origin is dict:
            key, item = map(self.of, args) if args else (ANY, ANY)
            return ANY_DICT if key is item is ANY else dict_of(key, item)
        if origin is tuple:
            return self._tuple(annotation, args)
        if isinstance(origin, type):
            return self._class(annotation, origin, args)
        raise Uncarried("it is not a type whose values are data")

    def _tuple(self, annotation: object, args: tuple[object, ...]) -> Converter:
        if annotation in (tuple, typing.Tuple):  # noqa: UP006
            return collection_of(tuple, ANY)
        if len(args) == 2 and args[1] is Ellipsis:
            return collection_of(tuple, self.of(args[0]))
        return tuple_of([self.of(arg) for arg in args])

    def _class(self, annotation: object, cls: type[Any], args: tuple[object, ...]) -> Converter:
        if issubclass(cls, Enum):
            return _carried(lambda: enum_of(cls))
        if issubclass(cls, PurePath):
            return of_path(cls)
        types_ = frozenset({cls})
        if is_dataclass(cls):
            return self._itself(annotation, _OBJECT, types_, lambda: self._dataclass(cls, args))
        if is_model(cls):
            return model_of(cls)
        if issubclass(cls, dict) and hasattr(cls, "__required_keys__"):
            return self._itself(annotation, _OBJECT, frozenset({dict}), lambda: self._typeddict(cls, args))
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return self._itself(annotation, _OBJECT, types_, lambda: self._namedtuple(cls, args))
        raise Uncarried("values of this class have no JSON form")

    # --- records, which may contain themselves -----------------------------------------------------------------------

    def _itself(
        self, annotation: object, kinds: frozenset[Kind], types_: frozenset[type], make: Callable[[], Converter]
    ) -> Converter:
        """What `make` makes; while it is being made, a stand-in for the places inside that mention it again."""
        if annotation in self._made:
            return self._made[annotation]
        made: list[Converter] = []
        name = getattr(annotation, "__name__", str(annotation))
        self._made[annotation] = Converter(
            name, lambda value, room: made[0].encode(value, room), lambda stored: made[0].decode(stored), kinds, types_
        )
        made.append(make())
        self._made[annotation] = made[0]
        return made[0]

    def _dataclass(self, cls: type[Any], args: tuple[object, ...]) -> Converter:
        found = self._field_hints(cls, args)
        extra = [name for name, hint in found.items() if isinstance(hint, InitVar) or hint is InitVar]
        if extra:
            raise Uncarried(f"{cls.__name__}.{extra[0]} is an InitVar, which the value doesn't keep")
        carried = [field.name for field in fields(cls) if field.init]
        return dataclass_of(cls, {name: self._field(cls, name, found[name]) for name in carried})

    def _namedtuple(self, cls: type[Any], args: tuple[object, ...]) -> Converter:
        found = self._field_hints(cls, args)
        return namedtuple_of(cls, {name: self._field(cls, name, found.get(name, Any)) for name in cls._fields})

    def _typeddict(self, cls: type[Any], args: tuple[object, ...]) -> Converter:
        found = self._field_hints(cls, args)
        # __required_keys__ is wrong where annotations are text; the wrappers in the resolved hints are right.
        wrappers = {name: _wrappers_of(hint) for name, hint in found.items()}
        required = frozenset(
            name
            for name in found
            if "Required" in wrappers[name] or (name in cls.__required_keys__ and "NotRequired" not in wrappers[name])
        )
        return typeddict_of(cls, {name: self._field(cls, name, hint) for name, hint in found.items()}, required)

    def _field_hints(self, cls: type[Any], args: tuple[object, ...]) -> dict[str, Any]:
        arguments = dict(zip(getattr(cls, "__parameters__", ()), args, strict=False))
        return {name: _substituted(hint, arguments) for name, hint in hints.of_class(cls).items()}

    def _field(self, cls: type[Any], name: str, annotation: object) -> Converter:
        try:
            return self.of(annotation)
        except Uncarried as error:
            raise Uncarried(f"{cls.__name__}.{name} is {annotation!r}: {error}") from error

    def _forward(self, annotation: str | ForwardRef) -> Converter:
        text = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        return self._itself(ForwardRef(text), ANY_KIND, frozenset(), lambda: self.of(hints.resolve(text, self._names)))

    # --- unions ------------------------------------------------------------------------------------------------------

    def _members(self, annotation: object, within: frozenset[object] | None = None) -> list[object]:
        """The alternatives of an annotation with nested unions, aliases and abstract types laid flat, else itself.

        `within` is None at the top, where an alias stays whole; else the aliases that were opened on the way here.
        """
        annotation = _bare(annotation)
        origin, args = get_origin(annotation) or annotation, get_args(annotation)
        if origin is Union or origin is types.UnionType:
            return list(dict.fromkeys(part for arg in args for part in self._members(arg, within or frozenset())))
        if _is_alias(origin):
            if within is None or annotation in within:
                return [annotation]
            parts = self._members(_alias_value(annotation), within | {annotation})
            return parts if len(parts) > 1 else [annotation]
        if isinstance(origin, TypeVar):
            return self._members(_stand_in(origin), within)
        kinds = _ABSTRACT.get(origin) if isinstance(origin, type) else None
        if kinds is None:
            return [annotation]
        if kinds == (dict,):
            return [dict[args[0], args[1]] if args else dict]  # type: ignore[valid-type]
        item = args[0] if args else Any
        return [tuple[item, ...] if kind is tuple else kind[item] for kind in kinds]  # type: ignore[index,valid-type]


# --- what an annotation is made of -----------------------------------------------------------------------------------


def _bare(annotation: object) -> object:
    """Without the layers that don't change what the values are."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated or getattr(origin, "_name", None) in _WRAPPERS:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def _wrappers_of(annotation: object) -> set[str]:
    found: set[str] = set()
    while (origin := get_origin(annotation)) is not None:
        if origin is not Annotated and getattr(origin, "_name", None) not in _WRAPPERS:
            break
        found.add(str(getattr(origin, "_name", "")))
        annotation = get_args(annotation)[0]
    return found


def _is_alias(origin: object) -> bool:
    # `type X = ...` of Python 3.12, or the form that typing_extensions has of it for 3.11.
    forms = (getattr(sys.modules.get(module), "TypeAliasType", None) for module in ("typing", "typing_extensions"))
    return any(isinstance(form, type) and isinstance(origin, form) for form in forms)


def _alias_value(annotation: object) -> object:
    origin: Any = get_origin(annotation) or annotation
    try:
        value = origin.__value__
    except NameError as error:
        raise hints.Unresolved(str(error)) from error
    return _substituted(value, dict(zip(origin.__type_params__, get_args(annotation), strict=False)))


def _stand_in(variable: TypeVar) -> object:
    if variable.__constraints__:
        return Union[variable.__constraints__]  # noqa: UP007 (of a tuple)
    return variable.__bound__ or Any


def _substituted(annotation: Any, arguments: Mapping[object, object]) -> object:
    parameters = getattr(annotation, "__parameters__", ())
    if isinstance(annotation, TypeVar):
        return arguments.get(annotation, annotation)
    if not arguments or not parameters or isinstance(annotation, type):
        return annotation
    return annotation[tuple(arguments.get(parameter, parameter) for parameter in parameters)]


def _carried(make: Callable[[], Converter]) -> Converter:
    try:
        return make()
    except Misfit as misfit:
        raise Uncarried(str(misfit)) from misfit
