"""What tells the jobs of a task apart, read from their arguments: a customer, an account, a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from asyncjobs.codec import Arguments
from asyncjobs.errors import ArgumentError, ConfigurationError
from asyncjobs.function import is_function
from asyncjobs.names import check_key

KeyFunction = Callable[..., object]


class Key:
    """Of one task: its arguments → a text, or None for a job that has none."""

    __slots__ = ("_arguments", "_function", "_parameter", "_task")

    def __init__(self, given: str | KeyFunction, arguments: Arguments, task: str) -> None:
        """given: the name of a parameter, or a function of the arguments, which it gets by their names, defaults included.

        Raises ConfigurationError.
        """
        self._arguments, self._task = arguments, task
        self._parameter = given if isinstance(given, str) else None
        self._function = None if isinstance(given, str) else given
        if self._parameter is not None and self._parameter not in arguments.signature.parameters:
            known = ", ".join(arguments.signature.parameters) or "none"
            raise ConfigurationError(
                f"key={given!r} names no parameter of {task}; there are: {known}. Or give a function of them"
            )
        if self._parameter is None and not is_function(self._function):
            raise ConfigurationError(
                f"key={given!r}: give the name of a parameter, or a function (no class, no async def), e.g. key=lambda customer_id, **_: "
                "customer_id"
            )

    def of(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str | None:
        """The key of this call, whose arguments fit. Raises ArgumentError."""
        bound = self._arguments.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if self._parameter is not None:
            return self._text(bound.arguments[self._parameter])
        assert self._function is not None
        try:
            value = self._function(**bound.arguments)
        except Exception as error:
            raise ArgumentError(
                f"the key function of {self._task} failed: {type(error).__name__}: {error}. It is called with the arguments by name"
            ) from error
        return self._text(value)

    def _text(self, value: object) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int, UUID)):
            raise ArgumentError(
                f"the key of {self._task} is a text, a whole number or a UUID, or None for none; {value!r:.60} is not"
            )
        text = str(value)
        check_key(text, "key")
        return text


def scoped(task: str, key: str) -> str:
    """As it is stored: the same key of two tasks is two."""
    return f"{task}#{key}"
