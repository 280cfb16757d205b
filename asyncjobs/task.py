"""A task: a function with a name and a policy. Calling it runs it; enqueueing it stores a job that will."""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, get_args

from asyncjobs.codec import Arguments, Result, encode_meta
from asyncjobs.context import JobContext
from asyncjobs.errors import ArgumentError, ConfigurationError
from asyncjobs.handle import JobHandle
from asyncjobs.job import DEFAULT_PRIORITY, PRIORITIES, Job, NewJob, Policy, State, Survives
from asyncjobs.key import Key, KeyFunction, scoped
from asyncjobs.names import MAX_NAME, check_key, check_name, shown
from asyncjobs.queue import MOST, is_count
from asyncjobs.record import record
from asyncjobs.retry import FURTHEST, Retry
from asyncjobs.unique import Unique, UniqueCalls, meant

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class Enqueue(Protocol):
    """How a task stores a call of itself: given by the `Jobs` that registered it."""

    def __call__(self, call: Call[R]) -> Coroutine[Any, Any, JobHandle[R]]: ...


@record
class Options:
    """What one enqueue sets apart from its task; None leaves the task's word.

    run_at, expires_at: in ms; delay, expires: seconds from now.
    """

    id: str | None = None
    delay: float = 0.0
    run_at: int | None = None
    expires: float | None = None
    expires_at: int | None = None
    priority: int | None = None
    queue: str | None = None
    unique: UniqueCalls | None = None
    key: str | None = None
    retry: Retry | None = None
    meta: str = "{}"


PLAIN = Options()


@record
class Call(Generic[R]):
    """A task with its arguments and options: a value, for `jobs.enqueue_many`."""

    task: Task[..., Any, R]
    options: Options
    args: tuple[object, ...]
    kwargs: Mapping[str, object]

    def new_job(self, id: str, now: int) -> NewJob:
        """The job that this call asks for. Raises ArgumentError where the arguments don't fit; touches nothing."""
        task, options = self.task, self.options
        if options is PLAIN and task.unique is None:  # nearly always; what follows comes to the same
            args = task.arguments.encode(self.args, self.kwargs)
            return NewJob(
                id, task.name, task.queue, now, args, priority=task.priority, policy=task.policy, survives=task.survives,
                key=None if task.key is None else self._key(),
            )  # fmt: skip
        due = options.run_at if options.run_at is not None else now + round(options.delay * 1000)
        job = NewJob(
            id=options.id or id,
            name=task.name,
            queue=options.queue or task.queue,
            run_at=max(due, now),
            args=task.arguments.encode(self.args, self.kwargs),
            meta=options.meta,
            priority=task.priority if options.priority is None else options.priority,
            policy=task.policy if options.retry is None else task.policy_with(options.retry),
            survives=self._survives(),
            key=self._key(),
            expires_at=now + round(options.expires * 1000) if options.expires is not None else options.expires_at,
        )
        if job.expires_at is not None and job.expires_at <= job.run_at:
            raise ArgumentError(f"expires= {_never_in_time(job.expires_at, now, options)}; it would never run")
        return job if self.unique is None else self.unique.apply(job, self.args, self.kwargs)

    @property
    def unique(self) -> UniqueCalls | None:
        """What makes this call and others the same, if anything does."""
        return self.task.unique if self.options.unique is None else self.options.unique

    def _key(self) -> str | None:
        task = self.task
        key = self.options.key
        if key is None and task.key is not None:
            key = task.key.of(self.args, self.kwargs)
        return None if key is None else scoped(task.name, key)

    def _survives(self) -> Survives:
        """The task's word; but whether an id or a key was met is known only once it is written, so these wait for that."""
        met = self.options.id is not None or self.unique is not None
        return "crash" if met and self.task.survives == "nothing" else self.task.survives


AnyCall = Call[Any]


class Configured(Generic[P, R]):
    """A task with options set; the arguments follow in `enqueue` or `call`."""

    __slots__ = ("_options", "_task")

    def __init__(self, task: Task[P, Any, R], options: Options) -> None:
        self._task = task
        self._options = options

    async def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Store a job with these arguments; see `Jobs.enqueue`."""
        return await self._task._enqueue(self.call(*args, **kwargs))

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """The same as a value, for `jobs.enqueue_many`."""
        return Call(self._task, self._options, args, kwargs)


class Task(Generic[P, T, R]):
    """A registered function. `P`: its parameters without the context; `T`: what calling it gives; `R`: what a job results in."""

    def __init__(
        self,
        function: Callable[..., T],
        enqueue: Enqueue,
        *,
        queue: str,
        name: str | None = None,
        aliases: Sequence[str] = (),
        retry: Retry | None = None,
        timeout: float | timedelta | None = None,
        priority: int = DEFAULT_PRIORITY,
        unique: object = None,
        key: str | KeyFunction | None = None,
        key_limit: int = 1,
        on_dead: Task[..., Any, Any] | None = None,
        survives: Survives = "power",
        keep_result: bool = True,
    ) -> None:
        _check_function(function)
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.name = default_name(function) if name is None else name
        self.aliases = _checked_aliases(aliases)
        for one in (self.name, *self.aliases):
            check_name(one, "task")
        self.queue = queue
        self.retry = _checked_retry(retry, ConfigurationError) or Retry()
        self.priority = _checked_priority(priority, ConfigurationError)
        self.survives = _checked_survives(survives)
        self.takes_context = _takes_context(function)
        self.arguments = Arguments.of(function, skip_first=self.takes_context)
        self.result = Result.of(function)
        self.unique = None if unique is None else UniqueCalls(meant(unique, text_is_key=False), self.arguments, self.name)
        self.key = None if key is None else Key(key, self.arguments, self.name)
        self.policy = _policy(self.retry, _checked_timeout(timeout), _checked_keep(keep_result), _checked_key_limit(key_limit))
        self.on_dead = None if on_dead is None else _checked_on_dead(on_dead)
        self._enqueue = enqueue
        functools.update_wrapper(self, function)

    def __repr__(self) -> str:
        return f"<Task {self.name} on {self.queue}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function here and now, as if it had never been decorated. A context is supplied where none is given."""
        if self.takes_context and not (args and isinstance(args[0], JobContext)):
            return self.function(_local_context(self), *args, **kwargs)
        return self.function(*args, **kwargs)

    async def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Store a job with these arguments; see `Jobs.enqueue`."""
        return await self._enqueue(Call(self, PLAIN, args, kwargs))

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """The same as a value, for `jobs.enqueue_many`."""
        return Call(self, PLAIN, args, kwargs)

    def options(
        self,
        *,
        id: str | None = None,
        delay: float | timedelta | None = None,
        at: datetime | None = None,
        expires: float | timedelta | datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        unique: str | Unique | None = None,
        debounce: float | timedelta | None = None,
        throttle: float | timedelta | None = None,
        key: str | None = None,
        retry: Retry | None = None,
        meta: Mapping[str, object] | None = None,
    ) -> Configured[P, R]:
        """This task with options for one call; `.enqueue(...)` or `.call(...)` follows.

        id: makes the call idempotent: the same id again, whatever the task, stores nothing new (`created` is False). delay: seconds from now. at:
        an aware datetime. expires: seconds from now, or an aware datetime, from which on it is not begun any more, but ends as
        cancelled. priority: 0 (first) to 3; one step is worth a minute's head start. unique: a key that one queued
        or running job may hold at a time, and a taken one answers with its holder; or a `Unique`. debounce: the job begins so many
        seconds from now, and each such call before it has begun pushes that back and replaces its arguments. throttle: after such a
        call the next ones within so many seconds do nothing. Both tell the same calls by `unique`, or by their arguments. key: the job's, in place of what the task's
        `key=` says. retry: attempts, backoff and queue for this
        job (`on=` and `never=` belong to the task). meta: JSON for whoever looks, e.g. a request id; in the job as `ctx.meta`.
        Raises ArgumentError.
        """
        if id is not None:
            check_key(id, "id", MAX_NAME)
        if isinstance(unique, bool):
            raise ArgumentError(
                f"options(unique={unique}): unique={unique} belongs to @jobs.task; here give a text, e.g. unique='welcome:7', or Unique() for the same "
                "arguments"
            )
        if unique is not None and not isinstance(unique, Unique):
            check_key(unique, "unique")
        for name, time in (("debounce", debounce), ("throttle", throttle)):
            if time is not None and not _checked_delay(name, time):
                raise ArgumentError(
                    f"{name}={time!r}: give seconds above 0, or a timedelta; without it each call is a job of its own"
                )
        if debounce is not None and (delay is not None or at is not None):
            raise ArgumentError("debounce= says when; delay= and at= do not go with it")
        if key is not None:
            check_key(key, "key")
        if delay is not None and at is not None:
            raise ArgumentError("delay= and at= both say when; give one of them")
        _checked_retry(retry, ArgumentError)
        if queue is not None and not isinstance(queue, str):
            raise ArgumentError(f"queue={queue!r}: give the name of a configured queue")
        if meta is not None and not isinstance(meta, Mapping):
            raise ArgumentError(f"meta={meta!r}: give a mapping of JSON values, e.g. meta={{'request': 'r-1'}}")
        if retry is not None and (retry.on is not None or retry.never != () or retry.after is not None):
            raise ArgumentError(
                "options(retry=...): on=, never= and after= hold code, which a job can't store; set them at @jobs.task(retry=...)"
            )
        return Configured(
            self,
            Options(
                id=id,
                delay=0.0
                if delay is None and debounce is None
                else _checked_delay("delay", debounce if delay is None else delay),  # type: ignore[arg-type]
                run_at=None if at is None else checked_at("at", at),
                expires=None if expires is None or isinstance(expires, datetime) else _checked_delay("expires", expires),
                expires_at=checked_at("expires", expires) if isinstance(expires, datetime) else None,
                priority=None if priority is None else _checked_priority(priority, ArgumentError),
                queue=queue,
                unique=self._unique_calls(unique, debounce, throttle),
                key=key,
                retry=retry,
                meta="{}" if meta is None else encode_meta(meta),
            ),
        )

    def dead_letter(self, **facts: object) -> Call[R]:
        """The call of this task, as another's `on_dead`, that gets those of these facts that it has parameters for."""
        wanted = self.arguments.signature.parameters
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in wanted.values())
        return Call(self, PLAIN, (), {name: value for name, value in facts.items() if takes_all or name in wanted})

    def _unique_calls(
        self, unique: str | Unique | None, debounce: float | timedelta | None, throttle: float | timedelta | None
    ) -> UniqueCalls | None:
        if unique is None and debounce is None and throttle is None:
            return None
        if debounce is not None and throttle is not None:
            raise ArgumentError("debounce= takes the last of several calls, throttle= the first; give one of them")
        try:
            same = (self.unique.unique if self.unique else Unique()) if unique is None else meant(unique, text_is_key=True)
            if debounce is not None:
                same = replace(same, until="started", within=None, conflict="replace")
            elif throttle is not None:
                same = replace(
                    same, until="finished", within=throttle, conflict="existing" if same.conflict == "replace" else same.conflict
                )
            # Among themselves: a call that met a job which runs, or another task's, would be lost.
            scope = "" if debounce is None else f"debounce {self.name} "
            return UniqueCalls(same, self.arguments, self.name, scope=scope)
        except ConfigurationError as error:
            raise ArgumentError(str(error)) from error

    def policy_with(self, retry: Retry) -> Policy:
        """The task's policy with another retry."""
        return _policy(retry, self.policy.timeout, self.policy.keep_result, self.policy.key_limit)


def default_name(function: Callable[..., object]) -> str:
    """`module:qualname`, which must be the same in the process that enqueues and the one that runs.

    A function of `__main__` gets the name its module has when it is imported; a warning where that can't be known.
    """
    module = function.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        if spec is not None:
            module = spec.name
        elif file is not None:
            module = PurePath(file).stem
        else:
            warnings.warn(
                f"task {function.__qualname__} is defined in __main__, whose name another process can't import; "
                "give it one: @jobs.task(name=...)",
                stacklevel=5,
            )
    return f"{module}:{function.__qualname__}"


def _policy(retry: Retry, timeout: float | None, keep_result: bool, key_limit: int) -> Policy:
    return Policy(
        max_attempts=retry.attempts,
        backoff=retry.curve,
        jitter=retry.jitter,
        retry_queue=retry.queue,
        timeout=timeout,
        keep_result=keep_result,
        key_limit=key_limit,
        retry_within=retry.seconds_within,
    )


def _check_function(function: object) -> None:
    if not callable(function) or not hasattr(function, "__qualname__") or inspect.isclass(function):
        raise ConfigurationError(f"@jobs.task decorates functions; {function!r} is not one. Wrap it in a def or async def.")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise ConfigurationError(
            f"task {function.__qualname__} has a yield in it; a job returns once. Collect, or enqueue one job each."
        )


def _is_context(annotation: object) -> bool:
    if isinstance(annotation, str):  # from __future__ import annotations
        return annotation.rpartition(".")[2] == "JobContext"
    return annotation is JobContext


def _takes_context(function: Callable[..., object]) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters[1:]:
        if _is_context(parameter.annotation):
            raise ConfigurationError(
                f"task {function.__qualname__}: the JobContext is the first parameter, {parameter.name!r} is not; move it to the front"
            )
    if not parameters or not _is_context(parameters[0].annotation):
        return False
    if parameters[0].kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
        raise ConfigurationError(
            f"task {function.__qualname__}: the JobContext is passed by position; {parameters[0].name!r} can't be"
        )
    return True


def _checked_aliases(aliases: Sequence[str]) -> tuple[str, ...]:
    if isinstance(aliases, str):
        return (aliases,)
    if not isinstance(aliases, Sequence):
        raise ConfigurationError(f"aliases={aliases!r}: give the names that the task had before, e.g. aliases=('mail.send',)")
    return tuple(aliases)


def _checked_retry(retry: Retry | None, error: type[ArgumentError] | type[ConfigurationError]) -> Retry | None:
    if retry is not None and not isinstance(retry, Retry):
        raise error(f"retry={retry!r}: give a Retry, e.g. Retry(attempts=8, backoff=[1, 10, 60])")
    return retry


def _checked_timeout(timeout: float | timedelta | None) -> float | None:
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= FURTHEST:
        raise ConfigurationError(f"timeout={timeout!r}: give seconds above 0, or None for no limit")
    return float(seconds)


def _checked_delay(name: str, delay: float | timedelta) -> float:
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= FURTHEST:
        raise ArgumentError(f"{name}={delay!r}: give seconds from 0 to ten years, or a timedelta")
    return float(seconds)


def checked_at(name: str, at: datetime) -> int:
    if not isinstance(at, datetime):
        raise ArgumentError(f"{name}={at!r}: give a datetime with a time zone, e.g. datetime.now(UTC) + timedelta(hours=1)")
    if at.utcoffset() is None:
        raise ArgumentError(
            f"{name}={at!r} has no time zone, so it names no moment; e.g. {name}.replace(tzinfo=ZoneInfo('Europe/Berlin'))"
        )
    milliseconds = round(at.timestamp() * 1000)
    if not 0 <= milliseconds < 2**48:
        raise ArgumentError(f"{name}={at!r} lies outside of what can be scheduled; give a moment after 1970")
    return milliseconds


def _never_in_time(expires_at: int, now: int, options: Options) -> str:
    if expires_at <= now:
        return "is over already: give a later moment, or seconds above 0"
    if options.run_at is not None:
        return "lies before the job is due: give a later one, or an earlier at="
    return "lies before the job is due: give a later one, or a shorter delay= or debounce="


def _checked_priority(priority: int, error: type[ArgumentError] | type[ConfigurationError]) -> int:
    if isinstance(priority, bool) or not isinstance(priority, int) or priority not in PRIORITIES:
        raise error(f"priority={priority!r}: give 0 (first), 1 (the default), 2 or 3 (last)")
    return priority


def _checked_on_dead(task: object) -> Task[..., Any, Any]:
    if not isinstance(task, Task):
        raise ConfigurationError(f"on_dead={task!r}: give a task, a function decorated with @jobs.task further up")
    call = task.dead_letter(job_id="", task="", queue="", error="", attempts=0)
    try:
        task.arguments.encode(call.args, call.kwargs)
    except ArgumentError as error:
        raise ConfigurationError(
            f"on_dead={task.name}: {error}. It may take job_id, task, queue, error (texts) and attempts (a number); what else it has needs "
            "a default"
        ) from error
    return task


def _checked_keep(keep_result: bool) -> bool:
    if not isinstance(keep_result, bool):
        raise ConfigurationError(f"keep_result={keep_result!r}: give True or False")
    return keep_result


def _checked_key_limit(limit: int) -> int:
    if not is_count(limit):
        raise ConfigurationError(f"key_limit={shown(limit)}: give how many jobs of one key may run at once, from 1 to {MOST:,}")
    return limit


def _checked_survives(survives: Survives) -> Survives:
    allowed: Iterable[str] = get_args(Survives)
    if survives not in allowed:
        raise ConfigurationError(
            f"survives={survives!r}: give 'power' (stored through a power cut), 'crash' (through a killed process) or 'nothing'"
        )
    return survives


def _local_context(task: Task[..., Any, Any]) -> JobContext:
    """The context of a direct call: no job is stored, progress goes nowhere."""
    job = Job(
        id="local", name=task.name, queue=task.queue, state=State.RUNNING, args="", meta="{}", priority=task.priority,
        policy=task.policy, survives="nothing", enqueued_at=0, scheduled_at=0, run_at=0, attempt=1,
    )  # fmt: skip
    return JobContext(job, {}, lambda _job, _progress: None)
