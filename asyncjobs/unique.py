"""At most one: what makes two jobs the same, how long, and what becomes of the second."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal, get_args

from asyncjobs.codec import Arguments
from asyncjobs.errors import ConfigurationError
from asyncjobs.function import is_function
from asyncjobs.job import NewJob
from asyncjobs.json_text import encoder
from asyncjobs.key import Key, scoped
from asyncjobs.names import MAX_KEY, check_key
from asyncjobs.record import frozen_record

Until = Literal["finished", "started"]
Conflict = Literal["existing", "raise", "replace"]

LONGEST = 366 * 86_400.0  # seconds

_dumps = encoder(allow_nan=False)


@frozen_record
class Unique:
    """Which jobs are the same, how long they are so, and what the second enqueue does.

    key: those with the same text, of whatever task. by: those of one task with the same values of these parameters, or with the
        same text from a function of the arguments by name. Without either: those of one task with the same arguments.
    until: "finished": while one is queued or runs; "started": while one waits for its first attempt.
    within: seconds (or a timedelta) after the first was enqueued instead, whatever has become of it: a throttle.
    conflict: "existing": the second's handle is the first's, `created` is False. "raise": AlreadyEnqueued. "replace": as
        "existing", but the first, if it is of the same task and waits for its first attempt, gets the second's arguments, time, priority
        and options; it stays in its queue.
    """

    by: str | Sequence[str] | Callable[..., object] | None = None
    key: str | None = None
    until: Until = "finished"
    within: float | timedelta | None = None
    conflict: Conflict = "existing"

    def __post_init__(self) -> None:
        if self.by is not None and self.key is not None:
            raise ConfigurationError("Unique(by=..., key=...): both say what is the same; give one of them")
        if self.key is not None:
            check_key(self.key, "key")
        if isinstance(self.by, Sequence) and not isinstance(self.by, str):
            object.__setattr__(self, "by", tuple(self.by))
        names = self.by if isinstance(self.by, tuple) else (self.by,)
        if self.by is not None and not is_function(self.by) and not (names and all(isinstance(name, str) for name in names)):
            raise ConfigurationError(
                f"Unique(by={self.by!r}): give parameters' names, or a function of the arguments (no class, no async def)"
            )
        for name, value, choices in (("until", self.until, Until), ("conflict", self.conflict, Conflict)):
            if value not in get_args(choices):
                raise ConfigurationError(f"Unique({name}={value!r}): give {' or '.join(map(repr, get_args(choices)))}")
        seconds = self.seconds
        if seconds is not None and (
            isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0.001 <= seconds <= LONGEST
        ):
            raise ConfigurationError(f"Unique(within={self.within!r}): give seconds above 0, a year at most, or a timedelta")
        if seconds is not None and (self.until != "finished" or self.conflict == "replace"):
            raise ConfigurationError(
                "Unique(within=...) holds for that time whatever becomes of the job; until= and conflict='replace' speak of it"
            )

    @property
    def seconds(self) -> Any:
        """`within` in seconds; None where it isn't given."""
        return self.within.total_seconds() if isinstance(self.within, timedelta) else self.within


def meant(given: object, *, text_is_key: bool) -> Unique:
    """What `unique=` says: a Unique, True (all arguments), parameters' names, a function of them, or (in options) a key.

    Raises ConfigurationError.
    """
    match given:
        case Unique():
            return given
        case True:
            return Unique()
        case str() if text_is_key:
            return Unique(key=given)
        case str() | list() | tuple():
            return Unique(by=given)
        case _ if is_function(given):
            return Unique(by=given)
    raise ConfigurationError(
        f"unique={given!r}: give True (the same arguments), a parameter's name, several, a function of the arguments (no class, no async "
        "def), or a Unique(...)"
    )


class UniqueCalls:
    """Of one task: a Unique, and the key that it gives a call."""

    __slots__ = ("_key", "_scope", "unique")

    def __init__(self, unique: Unique, arguments: Arguments, task: str, *, scope: str = "") -> None:
        """scope: keys with another one are others. Raises ConfigurationError."""
        self.unique = unique
        self._scope = scope
        self._key = _key_of(unique, arguments, task)

    def apply(self, job: NewJob, args: tuple[object, ...], kwargs: Mapping[str, object]) -> NewJob:
        """The job of this call, made unique. Raises ArgumentError."""
        key, unique = self._key(args, kwargs), self.unique
        if key is None:
            return job
        policy = replace(job.policy, unique_until_started=True) if unique.until == "started" else job.policy
        return replace(
            job,
            unique_key=self._scope + key,
            policy=policy,
            unique_for=None if unique.seconds is None else max(round(unique.seconds * 1000), 1),
            replaces=unique.conflict == "replace",
        )


def _key_of(unique: Unique, arguments: Arguments, task: str) -> Callable[[tuple[object, ...], Mapping[str, object]], str | None]:
    if unique.key is not None:
        return lambda args, kwargs: unique.key
    if callable(unique.by):
        function = Key(unique.by, arguments, task)
        return lambda args, kwargs: None if (text := function.of(args, kwargs)) is None else scoped(task, text)
    return SameArguments((unique.by,) if isinstance(unique.by, str) else unique.by, arguments, task).of


class SameArguments:
    """Of one task: what tells its calls apart where no text does, their arguments or some of them."""

    __slots__ = ("_arguments", "_names", "_task")

    def __init__(self, names: Sequence[str] | None, arguments: Arguments, task: str) -> None:
        """names: of parameters; None: all. Raises ConfigurationError."""
        self._arguments, self._names, self._task = arguments, names, task
        for name in names or ():
            if name not in arguments.signature.parameters:
                known = ", ".join(arguments.signature.parameters) or "none"
                raise ConfigurationError(f"Unique(by={name!r}) names no parameter of {task}; there are: {known}")

    def of(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
        """The key of this call, whose arguments fit: readable where it is short, else a digest. Raises ArgumentError."""
        values = self._arguments.values(args, kwargs)
        chosen = values if self._names is None else {name: values[name] for name in self._names}
        text = f"{self._task}{_dumps(chosen)}"
        return text if len(text) <= MAX_KEY else f"{self._task}#{hashlib.sha256(text.encode()).hexdigest()}"
