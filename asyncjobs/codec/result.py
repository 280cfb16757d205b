"""How one function's result becomes JSON text and comes back."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from asyncjobs.codec import hints
from asyncjobs.codec.annotations import Converters, Uncarried
from asyncjobs.codec.arguments import name_of
from asyncjobs.codec.converter import MAX_DEPTH, Converter
from asyncjobs.codec.misfit import Misfit, TooDeep
from asyncjobs.codec.text import dumps, loads
from asyncjobs.codec.untyped import ANY
from asyncjobs.errors import ArgumentError


class Result:
    """How one function's result becomes JSON text and comes back, by its return annotation.

    Never an error at registration: most results are thrown away. Where the annotation is missing or can't be carried,
    the result is treated as `Any`.
    """

    __slots__ = ("_converter", "_function", "_name")

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self._name = name_of(function)
        self._converter: Converter | None = None  # written by `of`, or by the first use if a name wasn't there yet

    @classmethod
    def of(cls, function: Callable[..., object]) -> Result:
        """Never raises; a return annotation that names what isn't there yet is read again at the first use."""
        result = cls(function)
        try:
            result._converter = _converter_of(function)
        except hints.Unresolved:
            pass  # `_ready` tries again
        return result

    def encode(self, value: object) -> str:
        """The result as ASCII JSON. Raises `ArgumentError` for one that can't be carried unchanged."""
        converter = self._converter or self._ready()
        try:
            return dumps(converter.encode(value, MAX_DEPTH))
        except Misfit as misfit:
            raise ArgumentError(f"result of {self._name}: {misfit}") from misfit
        except RecursionError as error:
            raise ArgumentError(f"result of {self._name}: {TooDeep()}") from error

    def decode(self, text: str) -> object:
        """What `encode` was given. Raises `ArgumentError` when the stored text doesn't fit the annotation any more."""
        converter = self._converter or self._ready()
        try:
            return converter.decode(loads(text))
        except Misfit as misfit:
            raise ArgumentError(f"the stored result of {self._name} no longer fits its annotation: {misfit}") from misfit
        except RecursionError as error:
            raise ArgumentError(f"the stored result of {self._name} is nested too deeply") from error

    def _ready(self) -> Converter:
        try:
            self._converter = _converter_of(self._function)
        except hints.Unresolved:
            self._converter = ANY
        return self._converter


def _converter_of(function: Callable[..., object]) -> Converter:
    try:
        annotation = inspect.signature(function).return_annotation
    except (ValueError, NameError):
        return ANY
    if annotation is None or annotation == "None":  # whoever returns something all the same gets to see it
        return ANY
    names = hints.names_seen_by(function)
    try:
        return Converters(names).of(hints.resolve(annotation, names))
    except (Uncarried, hints.Unreadable):
        return ANY
