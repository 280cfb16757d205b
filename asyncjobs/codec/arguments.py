"""How one function's arguments become JSON text and come back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, Optional

from asyncjobs.codec import hints
from asyncjobs.codec.annotations import Converters, Uncarried
from asyncjobs.codec.converter import MAX_DEPTH, Converter
from asyncjobs.codec.misfit import Misfit, TooDeep
from asyncjobs.codec.text import dumps, loads
from asyncjobs.errors import ArgumentError, ConfigurationError
from asyncjobs.record import record

_PLAIN_KINDS: Final = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})


@record
class _Plan:
    """One function's converters, laid out for the two hot paths."""

    named: Mapping[str, Converter]
    """All parameters but `*args` and `**kwargs`, in the signature's order."""
    positional: tuple[str, ...]
    positional_only: frozenset[str]
    required: frozenset[str]
    any_positional: Converter | None
    any_keyword: Converter | None
    is_plain: bool
    """Whether every argument can be given by name, so that binding is a dict."""


class Arguments:
    """How one function's arguments become JSON text and come back.

    The text is `{"args": [...], "kwargs": {...}}`, in the signature's order whatever the caller's: the same call is
    the same text. Every argument that can be stored by its name is, whichever way it was passed, since a later version
    of the function may put another parameter in its place; only positional-only ones and the values of `*args` (with
    what comes before them) are in `args`. Defaults are stored only when they were passed.
    """

    __slots__ = ("_function", "_name", "_plan", "signature")

    def __init__(self, function: Callable[..., object], signature: inspect.Signature) -> None:
        self._function = function
        self._name = name_of(function)
        self.signature = signature
        self._plan: _Plan | None = None  # written by _planned, once, at registration or at the first use

    @classmethod
    def of(cls, function: Callable[..., object], *, skip_first: bool) -> Arguments:
        """Read the signature and make the converters. `skip_first`: the first parameter is the job's context, not ours.

        Raises `ConfigurationError` for an annotation that can't be carried. One that names what isn't there yet (a
        class further down, a name under `TYPE_CHECKING`) is read again at the first use, and refused only then.
        """
        try:
            signature = inspect.signature(function)
        except (ValueError, NameError) as error:
            raise ConfigurationError(f"the signature of {name_of(function)} can't be read: {error}") from error
        if skip_first:
            signature = signature.replace(parameters=list(signature.parameters.values())[1:])
        arguments = cls(function, signature)
        try:
            arguments._planned()
        except hints.Unresolved:
            pass  # `_ready` tries again
        return arguments

    def encode(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
        """The call as ASCII JSON. Raises `ArgumentError` for a call that doesn't fit, or a value that can't be carried."""
        plan = self._plan or self._ready()
        given = self._by_name(plan, args, kwargs) if plan.is_plain else None
        try:
            if given is not None:
                return dumps({"args": (), "kwargs": _encode_named(plan, given)})
            return dumps(self._encode_bound(plan, args, kwargs))
        except Misfit as misfit:
            raise ArgumentError(f"{self._name}: {misfit}") from misfit
        except RecursionError as error:
            raise ArgumentError(f"{self._name}: an argument {TooDeep()}") from error

    def values(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        """What each parameter gets in this call, which fits, as JSON has it; defaults included. Raises `ArgumentError`."""
        plan, bound = self._plan or self._ready(), self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        try:
            return {name: _encode_parameter(plan, name, value) for name, value in bound.arguments.items()}
        except Misfit as misfit:
            raise ArgumentError(f"{self._name}: {misfit}") from misfit

    def decode(self, text: str) -> tuple[tuple[object, ...], dict[str, object]]:
        """The call that `encode` was given, to be made as `function(*args, **kwargs)`.

        Raises `ArgumentError` when the text is none of ours, or the function has changed so that it doesn't fit; also
        for an annotation that is still unresolved, as a job that can't be read must end visibly like any other.
        """
        try:
            plan = self._plan or self._ready()
        except ConfigurationError as error:
            raise ArgumentError(str(error)) from error
        try:
            args, kwargs = _read(text)
            if not plan.is_plain or self._by_name(plan, args, kwargs) is None:
                self._bind(args, kwargs)
            return _decode_positional(plan, args), _decode_keywords(plan, kwargs)
        except Misfit as misfit:
            raise ArgumentError(f"stored arguments no longer fit {self._shown()}: {misfit}") from misfit
        except _Unbound as error:
            stored = ", ".join([*(f"#{at + 1}" for at in range(len(args))), *kwargs]) or "none"
            raise ArgumentError(f"stored arguments no longer fit {self._shown()}: {error}; stored are: {stored}") from error
        except RecursionError as error:
            raise ArgumentError(f"stored arguments of {self._name}: nested too deeply") from error

    # --- binding -----------------------------------------------------------------------------------------------------

    def _by_name(
        self, plan: _Plan, args: tuple[object, ...] | list[object], kwargs: Mapping[str, object]
    ) -> Mapping[str, object] | None:
        """All arguments by name, or None when they don't fit. Much of an encode would be `Signature.bind`."""
        if args:
            given = dict(zip(plan.positional, args, strict=False))
            given.update(kwargs)
            if len(given) != len(args) + len(kwargs):  # too many, or one given twice
                return None
        else:
            given = kwargs  # type: ignore[assignment]
        return given if plan.required <= given.keys() <= plan.named.keys() else None

    def _bind(self, args: tuple[object, ...] | list[object], kwargs: Mapping[str, object]) -> inspect.BoundArguments:
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise _Unbound(str(error)) from error

    def _encode_bound(self, plan: _Plan, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        try:
            bound = self._bind(args, kwargs).arguments
        except _Unbound as error:
            raise ArgumentError(f"{self._shown()}: {error}") from error
        parameters = self.signature.parameters.values()
        spread = any(parameter.kind is parameter.VAR_POSITIONAL and bound.get(parameter.name) for parameter in parameters)
        positional: list[object] = []
        named: dict[str, object] = {}
        for parameter in parameters:
            name = parameter.name
            if name not in bound:
                continue
            if parameter.kind is parameter.VAR_POSITIONAL and plan.any_positional:
                positional += [_at(plan.any_positional, f"{name}[{at}]", item) for at, item in enumerate(bound[name])]
            elif parameter.kind is parameter.VAR_KEYWORD and plan.any_keyword:
                named |= {key: _at(plan.any_keyword, key, item) for key, item in bound[name].items()}
            elif parameter.kind is parameter.POSITIONAL_ONLY or (spread and parameter.kind is parameter.POSITIONAL_OR_KEYWORD):
                positional.append(_at(plan.named[name], name, bound[name]))
            else:
                named[name] = _at(plan.named[name], name, bound[name])
        return {"args": positional, "kwargs": named}

    # --- the converters ----------------------------------------------------------------------------------------------

    def _ready(self) -> _Plan:
        try:
            return self._planned()
        except hints.Unresolved as error:
            raise ConfigurationError(
                f"task {self._name}: {error}. The annotation is needed at run time, to store the argument and to bring "
                "it back: import the name at the top of the module (not under TYPE_CHECKING), and define it there too, "
                "not inside a function."
            ) from error

    def _planned(self) -> _Plan:
        names = hints.names_seen_by(self._function)
        converters = Converters(names)
        parameters = self.signature.parameters
        made: dict[str, Converter] = {}
        resolved: list[inspect.Parameter] = []
        for parameter in parameters.values():
            annotation, made[parameter.name] = self._converter(parameter, converters, names)
            resolved.append(parameter.replace(annotation=annotation))
        kinds = {parameter.name: parameter.kind for parameter in resolved}
        any_positional = [name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_POSITIONAL]
        any_keyword = [name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_KEYWORD]
        named = {name: item for name, item in made.items() if name not in (*any_positional, *any_keyword)}
        self._plan = _Plan(
            named=named,
            positional=tuple(name for name in named if kinds[name] is not inspect.Parameter.KEYWORD_ONLY),
            positional_only=frozenset(name for name in named if kinds[name] is inspect.Parameter.POSITIONAL_ONLY),
            required=frozenset(name for name in named if parameters[name].default is inspect.Parameter.empty),
            any_positional=made[any_positional[0]] if any_positional else None,
            any_keyword=made[any_keyword[0]] if any_keyword else None,
            is_plain=set(kinds.values()) <= _PLAIN_KINDS,
        )
        self.signature = self.signature.replace(parameters=resolved)
        return self._plan

    def _converter(
        self, parameter: inspect.Parameter, converters: Converters, names: Mapping[str, Any]
    ) -> tuple[object, Converter]:
        written = parameter.annotation
        try:
            annotation: Any = hints.resolve(written, names)
            made = converters.of(annotation)
            if parameter.default is None and annotation is not Any:
                made = converters.of(Optional[annotation])  # noqa: UP045 (`x: int = None` is written, and None is meant)
        except hints.Unresolved as error:
            raise hints.Unresolved(f"parameter {parameter.name!r} is annotated {written!r}, but {error}") from error
        except (Uncarried, hints.Unreadable) as error:
            raise ConfigurationError(
                f"task {self._name}: parameter {parameter.name!r} is annotated {_written(written)}, which can't be "
                f"carried: {error}. What can: str, int, float, bool, None, list, dict, tuple, set, datetime, date, time, "
                "timedelta, UUID, Decimal, bytes, Path, Enum, Literal, dataclasses, NamedTuple, TypedDict, pydantic "
                "models, and unions of these. For anything else pass its id, and load it in the job."
            ) from error
        return (written if written is inspect.Parameter.empty else annotation), made

    def _shown(self) -> str:
        return f"{self._name}{self.signature.replace(return_annotation=inspect.Signature.empty)}"


class _Unbound(Exception):
    """A call doesn't fit the signature; the message is that of `Signature.bind`."""


def name_of(function: Callable[..., object]) -> str:
    """What a sentence calls the function: its qualified name, without the functions that it was defined in."""
    name: str = getattr(function, "__qualname__", None) or type(function).__name__
    return name.rpartition("<locals>.")[2]


def _written(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _at(converter: Converter, name: str, value: object) -> object:
    try:
        return converter.encode(value, MAX_DEPTH)
    except Misfit as misfit:
        misfit.under(name)
        raise


def _encode_parameter(plan: _Plan, name: str, value: Any) -> object:
    """Of any kind: `*args` become a list, `**kwargs` a mapping."""
    converter = plan.named.get(name)
    if converter is not None:
        return _at(converter, name, value)
    if isinstance(value, tuple) and plan.any_positional is not None:
        return [_at(plan.any_positional, f"{name}[{at}]", item) for at, item in enumerate(value)]
    assert plan.any_keyword is not None, "there is no other kind"
    return {key: _at(plan.any_keyword, key, item) for key, item in value.items()}


def _encode_named(plan: _Plan, given: Mapping[str, object]) -> dict[str, object]:
    encoded: dict[str, object] = {}
    name = ""
    try:
        for name, converter in plan.named.items():
            if name in given:
                encoded[name] = converter.encode(given[name], MAX_DEPTH)
    except Misfit as misfit:
        misfit.under(name)
        raise
    return encoded


def _read(text: str) -> tuple[list[object], dict[str, object]]:
    call = loads(text)
    if type(call) is not dict or call.keys() != {"args", "kwargs"}:
        raise Misfit.expected('{"args": [...], "kwargs": {...}}', call)
    args, kwargs = call["args"], call["kwargs"]
    if type(args) is not list or type(kwargs) is not dict:
        raise Misfit.expected('{"args": [...], "kwargs": {...}}', call)
    return args, kwargs


def _decode_positional(plan: _Plan, args: list[object]) -> tuple[object, ...]:
    decoded: list[object] = []
    try:
        for name, stored in zip(plan.positional, args, strict=False):
            decoded.append(plan.named[name].decode(stored))
        if plan.any_positional:
            for stored in args[len(plan.positional) :]:
                decoded.append(plan.any_positional.decode(stored))
    except Misfit as misfit:
        at = len(decoded)
        misfit.under(plan.positional[at] if at < len(plan.positional) else f"*[{at - len(plan.positional)}]")
        raise
    return tuple(decoded)


def _decode_keywords(plan: _Plan, kwargs: dict[str, object]) -> dict[str, object]:
    decoded: dict[str, object] = {}
    name = ""
    try:
        for name, stored in kwargs.items():
            converter = plan.named.get(name)
            # A positional-only parameter's name is free for `**kwargs`.
            if converter is None or name in plan.positional_only:
                converter = plan.any_keyword
            assert converter is not None, "binding has let an unknown name through"
            decoded[name] = converter.decode(stored)
    except Misfit as misfit:
        misfit.under(name)
        raise
    return decoded
