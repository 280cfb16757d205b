"""What may be done from the page: the verbs, what each wants, and what it did."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request

from asyncjobs.cron import Cron
from asyncjobs.errors import (
    ArgumentError,
    ConfigurationError,
    StoreUnavailable,
    UnknownQueue,
    UnknownSchedule,
    UnknownTask,
)  # fmt: skip
from asyncjobs.queue import Queue
from asyncjobs.record import record
from asyncjobs.store.base import Cancellation
from asyncjobs.web.access import JSON, Visitor, media_type
from asyncjobs.web.chores import Chores
from asyncjobs.web.filters import NAMES as FILTERS
from asyncjobs.web.filters import Filters
from asyncjobs.web.redact import Redaction
from asyncjobs.web.source import Selected, Source

logger = logging.getLogger("asyncjobs.web")
audit = logging.getLogger("asyncjobs.audit")

MOST = 1_000  # fields of a request to act
LARGEST = 1 << 16  # bytes of a request to act
LONGEST = 500  # characters of what an act was done to, as it is kept
MATCHING = tuple(name for name in FILTERS if name != "state")
MOST_MATCHING = 10_000  # jobs that are done at once, some seconds; whoever asked is told that there are more
FOUND_WITHIN = 10.0  # seconds; a request that goes on for ever would keep the server from stopping
SPREAD = 60.0  # seconds over which many are put back, so that what failed together doesn't return together

Fields = Mapping[str, str]
T = TypeVar("T")


class BadAct(Exception):
    """What was asked for can't be done as it was asked."""


@record
class Done:
    """What was done: the verb, to what, and to how many. more: more match than are done at once."""

    verb: str
    target: str
    count: int
    more: bool = False


@record
class Actor:
    """Who acts, what such a one may not see, and where what takes long is done."""

    name: str
    redaction: Redaction
    chores: Chores


class Verb(NamedTuple):
    """wants: the fields without which it can't be done; takes: others that say to what. asks: whether a person is asked first."""

    wants: tuple[str, ...]
    asks: bool
    words: str
    done: str
    act: Callable[[Source, Fields, Actor], Awaitable[int]]
    takes: tuple[str, ...] = ()

    def given(self, fields: Fields) -> dict[str, str]:
        """Of these fields those that say to what it is done."""
        return {name: fields[name] for name in (*self.wants, *self.takes) if fields.get(name)}


async def _retry(source: Source, fields: Fields, by: Actor) -> int:
    return sum((await source.retry(_ids(fields))).values())


async def _cancel(source: Source, fields: Fields, by: Actor) -> int:
    verdicts = (await source.cancel(_ids(fields))).values()
    return sum(verdict in (Cancellation.CANCELLED, Cancellation.REQUESTED) for verdict in verdicts)


async def _discard(source: Source, fields: Fields, by: Actor) -> int:
    return sum((await source.discard(_ids(fields))).values())


async def _retry_matching(source: Source, fields: Fields, by: Actor) -> int:
    return await _matching(source, fields, by).retry(spread=SPREAD, most=MOST_MATCHING)


async def _cancel_matching(source: Source, fields: Fields, by: Actor) -> int:
    return await _matching(source, fields, by).cancel(most=MOST_MATCHING)


async def _discard_matching(source: Source, fields: Fields, by: Actor) -> int:
    return await _matching(source, fields, by).discard(most=MOST_MATCHING)


def _ids(fields: Fields) -> list[str]:
    """One on each line."""
    return fields["id"].splitlines()


def _matching(source: Source, fields: Fields, by: Actor) -> Selected:
    return source.where(**Filters.of(fields).asked(by.redaction))


async def _is_more(source: Source, verb: Verb, fields: Fields, by: Actor) -> bool:
    """Whether more match than are done at once."""
    if verb.takes is not MATCHING:
        return False
    try:
        async with asyncio.timeout(FOUND_WITHIN):
            return len(await _matching(source, fields, by).ids(most=MOST_MATCHING + 1)) > MOST_MATCHING
    except TimeoutError:
        raise BadAct(
            f"what matches was not found within {FOUND_WITHIN:g} s; ask for less: one queue, one task, or a time"
        ) from None


async def _pause(source: Source, fields: Fields, by: Actor) -> int:
    await source.pause(fields["queue"], by=by.name, why=fields.get("why", ""))
    return 1


async def _resume(source: Source, fields: Fields, by: Actor) -> int:
    await source.resume(fields["queue"])
    return 1


async def _resume_task(source: Source, fields: Fields, by: Actor) -> int:
    await source.resume(task=fields["task"])
    return 1


async def _pause_task(source: Source, fields: Fields, by: Actor) -> int:
    await source.pause(task=fields["task"], by=by.name, why=fields.get("why", ""))
    return 1


async def _pause_schedule(source: Source, fields: Fields, by: Actor) -> int:
    await source.schedules.pause(fields["schedule"], by=by.name, why=fields.get("why", ""))
    return 1


async def _set_limits(source: Source, fields: Fields, by: Actor) -> int:
    limits = Queue(
        _number(fields, "limit"), fields.get("rate") or None,
        **{name: _number(fields, name) for name in ("burst", "global_limit", "max_waiting") if fields.get(name)},
    )  # fmt: skip
    await source.set_limits(fields["queue"], limits, keep=bool(fields.get("keep")))
    return 1


async def _reset_limits(source: Source, fields: Fields, by: Actor) -> int:
    await source.set_limits(fields["queue"], None)
    return 1


def _number(fields: Fields, name: str) -> int:
    text = fields.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise BadAct(f"{name}={text[:LONGEST]!r}: give a whole number")
    return int(text)


async def _edit_schedule(source: Source, fields: Fields, by: Actor) -> int:
    seconds = {name: _seconds(fields, name) for name in ("every", "jitter") if fields.get(name)}
    texts = {name: fields[name] for name in ("cron", "tz") if fields.get(name)}
    await source.schedules.edit(fields["schedule"], **seconds, **texts)  # type: ignore[arg-type]  # by the names of its own
    return 1


def _seconds(fields: Fields, name: str) -> float:
    try:
        return float(fields[name])
    except ValueError as error:
        raise BadAct(f"{name}={fields[name][:LONGEST]!r}: give a number of seconds") from error


async def known(source: Source, do: str, fields: Fields) -> dict[str, str]:
    """What an act would change, as it is now: by the names of the fields that ask for it. Raises what the verbs raise."""
    if do == "limits":
        queue = source.limits(fields["queue"])
        given: Mapping[str, object] = {
            name: getattr(queue, name) for name in ("limit", "global_limit", "rate", "burst", "max_waiting")
        }
    elif do == "edit-schedule":
        schedule = await source.schedules.get(fields["schedule"])
        times = schedule.times
        given = {"cron": times.expression, "tz": times.tz} if isinstance(times, Cron) else {"every": f"{times.period / 1000:g}"}
        given = {**given, "jitter": f"{schedule.jitter:g}"}
    else:
        given = {}
    return {name: str(value) for name, value in given.items() if value is not None}


async def _resume_schedule(source: Source, fields: Fields, by: Actor) -> int:
    await source.schedules.resume(fields["schedule"])
    return 1


async def _run_schedule(source: Source, fields: Fields, by: Actor) -> int:
    await source.schedules.run_now(fields["schedule"])
    return 1


async def _check(source: Source, fields: Fields, by: Actor) -> int:
    return _begun(by.chores.begin("check", source.check), "a check")


async def _backup(source: Source, fields: Fields, by: Actor) -> int:
    async def copied() -> Sequence[str]:
        return [await source.backup()]

    return _begun(by.chores.begin("backup", copied), "a copy")


def _begun(begun: bool, what: str) -> int:
    if not begun:
        raise BadAct(f"{what} is under way already")
    return 1


VERBS: Mapping[str, Verb] = {
    "retry": Verb(("id",), False, "Retry", "put back", _retry),
    "cancel": Verb(("id",), True, "Cancel", "cancelled, or asked to end", _cancel),
    "discard": Verb(("id",), True, "Discard", "removed", _discard),
    "retry-matching": Verb(("state",), False, "Retry", "put back, over a minute", _retry_matching, MATCHING),
    "cancel-matching": Verb(("state",), True, "Cancel", "cancelled, or asked to end", _cancel_matching, MATCHING),
    "discard-matching": Verb(("state",), True, "Discard", "removed", _discard_matching, MATCHING),
    "pause": Verb(("queue",), True, "Pause", "paused", _pause),
    "resume": Verb(("queue",), False, "Resume", "resumed", _resume),
    "pause-task": Verb(("task",), True, "Pause", "paused", _pause_task),
    "resume-task": Verb(("task",), False, "Resume", "resumed", _resume_task),
    "pause-schedule": Verb(("schedule",), True, "Pause", "paused", _pause_schedule),
    "resume-schedule": Verb(("schedule",), False, "Resume", "resumed", _resume_schedule),
    "limits": Verb(("queue",), True, "Limits", "changed", _set_limits),
    "reset-limits": Verb(("queue",), False, "As configured", "as the code has them again", _reset_limits),
    "edit-schedule": Verb(("schedule",), True, "Edit", "changed", _edit_schedule),
    "run-schedule": Verb(("schedule",), False, "Run now", "fired", _run_schedule),
    "check": Verb((), False, "Check now", "begun", _check),
    "backup": Verb((), False, "Copy now", "begun", _backup),
}


HOW: Mapping[str, tuple[str, ...]] = {  # fields that say how it is done
    "pause": ("why",),
    "pause-task": ("why",),
    "pause-schedule": ("why",),
    "limits": ("limit", "global_limit", "rate", "burst", "max_waiting", "keep"),
    "edit-schedule": ("cron", "tz", "every", "jitter"),
}


def is_json(request: Request) -> bool:
    """Whether a program asks, which wants JSON back."""
    return media_type(request) == JSON


async def asked_for(request: Request) -> dict[str, str]:
    """The fields of this request: of a form, or of a JSON object. Raises BadAct."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise BadAct(f"the request is larger than {LARGEST:,} bytes")
    kind = media_type(request)
    try:
        if kind == JSON:
            given = json.loads(body)
            if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
                raise BadAct("give a JSON object whose values are texts")
            return given
        if kind == "application/x-www-form-urlencoded":
            return _joined(
                parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MOST)
            )
    except RecursionError:
        raise BadAct("the request can't be read: it is nested too deeply") from None
    except ValueError as error:
        raise BadAct(f"the request can't be read: {error}") from error
    raise BadAct("send a form (application/x-www-form-urlencoded) or JSON (application/json)")


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By name, what is given several times on a line each."""
    fields: dict[str, str] = {}
    for name, value in pairs:
        one = value.replace("\r\n", "\n")  # what a browser makes of it in a form
        fields[name] = f"{fields[name]}\n{one}" if name in fields else one
    return fields


def verb_of(fields: Fields) -> tuple[str, Verb]:
    """The verb that is asked for, with all it wants. Raises BadAct."""
    name = fields.get("do", "")
    verb = VERBS.get(name)
    if verb is None:
        raise BadAct(f"do={name!r}: give one of {', '.join(VERBS)}")
    if missing := [field for field in verb.wants if not fields.get(field)]:
        raise BadAct(f"do={name!r} wants {' and '.join(missing)}")
    return name, verb


async def refused(asked: Awaitable[T]) -> T:
    """What comes of it. Raises BadAct where what was asked for can't be, and whatever else it raises."""
    try:
        return await asked
    except (ArgumentError, ConfigurationError, UnknownQueue, UnknownSchedule, UnknownTask) as error:
        raise BadAct(str(error)) from error


async def act(source: Source, fields: Fields, visitor: Visitor, redaction: Redaction, chores: Chores) -> Done:
    """Do it, and write down who did. Raises BadAct, and what the verb raises."""
    name, verb = verb_of(fields)
    who = (visitor.name or ("somebody at this machine" if visitor.local else "somebody whom auth= let act"))[:LONGEST]
    by = Actor(who, redaction, chores)
    more = await refused(_is_more(source, verb, fields, by))
    count = await refused(verb.act(source, fields, by))
    done = Done(name, " ".join(verb.given(fields).values())[:LONGEST], count, more)
    audit.info("%r did %s: %r, %d", who, done.verb, done.target, done.count)
    try:
        await source.record_act(who, done.verb, done.target, done.count)
    except StoreUnavailable as error:
        logger.error("%r did %s: %r, %d, which could not be written down: %s", who, done.verb, done.target, done.count, error)
    return done
