"""Faults that the harness must see: each takes one guard out of the library, in the process that is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from asyncjobs.outcome import Finish
from asyncjobs.runner.janitor import Janitor
from asyncjobs.store.base import Inserted, Verdict
from asyncjobs.store.sqlite import finishing, statements
from asyncjobs.store.sqlite.inserting import ID, Row
from asyncjobs.store.sqlite.transaction import Transaction
from asyncjobs.store.sqlite.writer import Writer

EARLY, LATE = 0.002, 0.05  # seconds


def break_something(name: str) -> None:
    """Break what this canary is for; "" breaks nothing."""
    if name:
        CANARIES[name]()


def _unfenced() -> None:
    """An end is recorded whatever its token, and whatever the job's state."""
    fenced = finishing.finish

    def unfenced(transaction: Transaction, finishes: Sequence[Finish], now: int) -> list[Verdict]:
        execute, true = transaction.cursor.execute, []
        for finish in finishes:
            (token,) = execute("SELECT token FROM jobs WHERE id = ?", (finish.id,)).fetchone()
            execute("UPDATE jobs SET state = 1, finished_at = NULL WHERE id = ?", (finish.id,))
            true.append(replace(finish, token=token))
        return fenced(transaction, true, now)

    finishing.finish = unfenced


def _acknowledged_early() -> None:
    """An insert is answered a moment before it is even submitted."""
    insert, seen = Writer.insert, set[str]()

    def early(self: Writer, rows: Sequence[Row], **options: Any) -> Any:
        ids = [row[ID] for row in rows]
        if not seen.isdisjoint(ids):  # who asks again is told the truth, and the load stays what it is
            return insert(self, rows, **options)
        seen.update(ids)
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_later(EARLY, _answer, future, [Inserted(id, True) for id in ids])
        loop.call_later(LATE, lambda: insert(self, rows, **options))
        return future

    Writer.insert = early  # type: ignore[method-assign]


def _answer(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _no_replay() -> None:
    """What dead processes ran stays with them until the janitor's later looks."""
    replay = Janitor.replay
    looks = 0

    async def later(self: Janitor) -> int:
        nonlocal looks
        looks += 1
        return 0 if looks == 1 else await replay(self)

    Janitor.replay = later  # type: ignore[method-assign]


def _no_token() -> None:
    """A claim grants the token that the job had before, from its second attempt on."""
    statements.START = statements.START.replace("max(token + 1, ?)", "max(min(token, 1), min(?, 1))")


CANARIES: dict[str, Callable[[], None]] = {
    "unfenced finish": _unfenced,
    "acknowledged before commit": _acknowledged_early,
    "no replay": _no_replay,
    "same token again": _no_token,
}
