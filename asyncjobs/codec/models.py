"""The converter of a pydantic model. pydantic itself is never imported here: its user has done that already.

A model travels as `model_dump(mode="json")` and comes back by validation. What pydantic's JSON mode mangles (a
serialiser of the model's own, aliases that differ, a subclass in a field) is found by reading every value back before
it is stored: it is equal to what was sent, or it is refused.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from asyncjobs.codec.converter import ANY_KIND, Converter, Kind, equal
from asyncjobs.codec.misfit import Misfit, TooDeep, shown
from asyncjobs.codec.text import dumps

# Tried in this order. Fields that were not set stay unset where the model allows it, as a model that describes a change
# is read with `exclude_unset`; a default that is made anew each time (an id, a date) has to travel. The names are the
# aliases where validation wants those.
_WAYS: Final[tuple[dict[str, bool], ...]] = (
    {"exclude_unset": True, "by_alias": True},
    {"exclude_unset": True, "by_alias": False},
    {"exclude_unset": False, "by_alias": True},
    {"exclude_unset": False, "by_alias": False},
)


_OBJECT: Final[frozenset[Kind]] = frozenset({"object"})


def is_model(annotation: object) -> bool:
    """Whether it is a pydantic v2 model class, which can only be when pydantic is imported."""
    base = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return base is not None and isinstance(annotation, type) and issubclass(annotation, base)


def model_of(cls: type[Any]) -> Converter:
    name = cls.__name__
    # A RootModel, and a model with a serialiser of its own, may be any JSON. Only a union needs to know, for its tags.
    kinds = ANY_KIND if _has_own_form(cls) else _OBJECT

    def encode(value: Any, room: int) -> object:
        if type(value) is not cls:
            raise Misfit.expected(name, value)
        why: Exception | None = None
        for way in _WAYS:
            try:
                dumped = value.model_dump(mode="json", round_trip=True, warnings=False, **way)
                _check_depth(dumped, room)
                again: Any = cls.model_validate_json(dumps(dumped))
            except (Misfit, RecursionError):
                raise
            except Exception as error:  # the model's own serialisers and validators, and pydantic's errors
                why = error
                continue
            if equal(again, value) and (not way["exclude_unset"] or again.model_fields_set == value.model_fields_set):
                return dumped
        reason = f" ({type(why).__name__}: {shown(str(why))})" if why else ""
        raise Misfit(f"{shown(value)} would not come back from {name}'s JSON form equal to itself{reason}") from why

    def decode(stored: object) -> object:
        # By JSON, not by model_validate: a strict model takes a date's text only from there.
        try:
            return cls.model_validate_json(dumps(stored))
        except (Misfit, RecursionError):
            raise
        except Exception as error:
            raise Misfit(f"{name} refused {shown(stored)}: {error}") from error

    return Converter(name, encode, decode, kinds, frozenset({cls}))


def _has_own_form(cls: type[Any]) -> bool:
    own = getattr(cls, "__pydantic_decorators__", None)
    return bool(getattr(cls, "__pydantic_root_model__", False) or getattr(own, "model_serializers", None))


def _check_depth(dumped: object, room: int) -> None:
    if isinstance(dumped, (dict, list)):
        if not room:
            raise TooDeep()
        for item in dumped.values() if isinstance(dumped, dict) else dumped:
            _check_depth(item, room - 1)
