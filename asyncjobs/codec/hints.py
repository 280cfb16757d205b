"""Annotations as objects, whether they were written as objects or as text.

Every parameter is resolved alone, so that a name which can't be found says which parameter it belongs to, and so that
the context's own annotation is never needed.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any


class Unresolved(Exception):
    """An annotation names something that isn't there (yet): a name of a function's body, or under `TYPE_CHECKING`."""


class Unreadable(Exception):
    """An annotation's text is no annotation; waiting doesn't help."""


def names_seen_by(function: Callable[..., object]) -> Mapping[str, Any]:
    """The names that the function's own annotations may use: its module's, its type parameters, its closure's."""
    inner: Any = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    if not hasattr(inner, "__globals__"):  # an object with __call__
        inner = getattr(inner, "__func__", None) or getattr(type(inner), "__call__", inner)  # noqa: B004
    names = dict(getattr(inner, "__globals__", {}))
    names.update((parameter.__name__, parameter) for parameter in getattr(inner, "__type_params__", ()))
    code, cells = getattr(inner, "__code__", None), getattr(inner, "__closure__", None) or ()
    for name, cell in zip(code.co_freevars if code else (), cells, strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return names


def resolve(annotation: object, names: Mapping[str, Any]) -> object:
    """The annotation with every text in it evaluated. Raises `Unresolved` or `Unreadable`."""
    if annotation is inspect.Parameter.empty:
        return Any

    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    return _hints(holder, dict(names))["it"]


def of_class(cls: type[Any]) -> dict[str, Any]:
    """The annotations of a record class and its bases, each in the names of its own module."""
    return _hints(cls, None)


def _hints(holder: Any, names: dict[str, Any] | None) -> dict[str, Any]:
    try:
        return typing.get_type_hints(holder, globalns=names, include_extras=True)
    except (NameError, AttributeError, ImportError) as error:
        raise Unresolved(str(error)) from error
    except (SyntaxError, TypeError, ValueError) as error:
        raise Unreadable(str(error)) from error
