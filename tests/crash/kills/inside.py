"""Reaches the points inside of writer and runner, in the process that is to be killed: production code has no hooks.

Everything here replaces methods of classes, so it is for a process of its own.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncjobs import outcome
from asyncjobs.runner import janitor
from asyncjobs.runner.dispatcher import Dispatcher
from asyncjobs.runner.ledger import Ledger
from asyncjobs.runner.runner import Runner
from asyncjobs.runner.slots import Slots
from asyncjobs.store.sqlite import connection, log
from asyncjobs.store.sqlite.committer import Committer
from asyncjobs.store.sqlite.liveness import Liveness
from asyncjobs.store.sqlite.log import Log
from asyncjobs.store.sqlite.transaction import Transaction
from asyncjobs.store.sqlite.writer import Writer
from tests.crash.kills.gauge import Gauge
from tests.crash.kills.points import MIDWAY, Phase, Trap
from tests.store.sqlite.inside import failure

# What would come seldom in a life of half a second comes often.
CRASH_DELAYS = (0.2, 0.6)  # seconds, for 1 and 10
PRUNE_INTERVAL = 0.1  # seconds, for 60
CHECKPOINT_CHANGES = 3_000  # rows, for 20,000


def hasten() -> None:
    """Make rare events frequent; nothing else about them changes."""
    outcome.CRASH_DELAYS = CRASH_DELAYS
    janitor.PRUNE_INTERVAL = PRUNE_INTERVAL
    log.CHECKPOINT_CHANGES = CHECKPOINT_CHANGES


def around(
    owner: type, name: str, *, before: Callable[..., object] | None = None, after: Callable[[], object] | None = None
) -> None:
    """Call these around each call of a plain method; `before` is given what the method is."""
    really = getattr(owner, name)

    @functools.wraps(really)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before(*args, **kwargs)
        value = really(*args, **kwargs)
        if after is not None:
            after()
        return value

    setattr(owner, name, wrapped)


def around_async(
    owner: type, name: str, *, before: Callable[[], object] | None = None, after: Callable[[], object] | None = None
) -> None:
    """Call these around each call of a coroutine method."""
    really = getattr(owner, name)

    @functools.wraps(really)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before()
        value = await really(*args, **kwargs)
        if after is not None:
            after()
        return value

    setattr(owner, name, wrapped)


def watch_slots(gauge: Gauge) -> None:
    """Show on the gauge which slots are busy, and when claims stop for a lone suspect."""
    around(Slots, "take", before=lambda _, queue: gauge.add(f"busy {queue}", 1))
    around(Slots, "give_back", before=lambda _, queue, *, stuck: gauge.add(f"busy {queue}", -1))

    claim, wants_quiet = Dispatcher._claim, Dispatcher._wants_quiet

    async def claiming(self: Dispatcher, wants: dict[str, int], now: int) -> None:
        if any(wants.values()):
            gauge.set("quiet", 0)
        await claim(self, wants, now)

    def wanting(self: Dispatcher) -> bool:
        quiet = wants_quiet(self)
        gauge.set("quiet", int(quiet))
        return quiet

    Dispatcher._claim = claiming  # type: ignore[method-assign]
    Dispatcher._wants_quiet = wanting  # type: ignore[method-assign]


def reach_runner(trap: Trap) -> None:
    """The points between a claim and what the store is told of its end, and those of the shutdown."""
    at = trap.passing
    around(Runner, "_begin", before=lambda *_: at("attempt: claimed, not begun"))
    around(Runner, "_ended", before=lambda *_: at("attempt: returned, not in the ledger"))
    around(Ledger, "add", after=lambda: at("attempt: in the ledger, not settled"))
    around(Runner, "_settled", before=lambda *_: at("attempt: recorded, not told"))
    around_async(Runner, "_cancel_attempts", before=lambda: at("stop: drained, nothing cancelled"))
    around_async(Runner, "_flush", before=lambda: at("stop: cancelled, not flushed"), after=lambda: at("stop: flushed"))
    around_async(Runner, "_leave_store", before=lambda: at("stop: flushed, not closed"))
    around_async(Runner, "_enter", after=lambda: at("replay: done, not yet serving"))


def reach_liveness(trap: Trap) -> None:
    """The points inside of `register`: the sign of life, before and after others can see it."""

    class Shown(type(Path())):  # type: ignore[misc]
        """The hidden file of a sign of life, as Liveness.acquire makes it."""

        def rename(self, target: Any) -> Any:
            trap.passing("register: sign of life made, not yet shown")
            shown = super().rename(target)
            trap.passing("register: sign of life shown, not yet registered")
            return shown

    around(Liveness, "acquire", before=lambda liveness, _: setattr(liveness, "folder", Shown(liveness.folder)))


def reach_writer(trap: Trap, gauge: Gauge) -> None:
    """The points of a transaction, of a checkpoint, and of the reopening that follows an I/O error."""
    _transaction(trap)
    _checkpoint(trap, gauge)
    _reopening(trap)


def _transaction(trap: Trap) -> None:
    within = threading.local()
    really = connection._Connection.execute

    def execute(self: connection._Connection, sql: str, parameters: Any = (), /) -> Any:
        if not getattr(within, "transaction", False):
            return really(self, sql, parameters)
        if sql == "BEGIN IMMEDIATE":
            trap.passing("writer: before BEGIN")
        elif sql == "COMMIT":
            trap.passing("writer: before COMMIT")
        answer = really(self, sql, parameters)
        if sql == "COMMIT":
            trap.passing("writer: committed, nobody answered")
        return answer

    connection._Connection.execute = execute  # type: ignore[method-assign]
    around(
        Committer,
        "_try",
        before=lambda *_: setattr(within, "transaction", True),
        after=lambda: setattr(within, "transaction", False),
    )
    around(
        Transaction,
        "_insert_alone",
        before=lambda *_: trap.passing("writer: before an insert alone"),
        after=lambda: trap.passing("writer: inserted alone, nobody answered"),
    )
    around(Transaction, "flush", before=lambda _: trap.passing("writer: acts done, counters not written"))


def _checkpoint(trap: Trap, gauge: Gauge) -> None:
    class Helper(sqlite3.Connection):
        """The connection that checkpoints, while the writer's holds the write lock."""

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if "wal_checkpoint(" not in sql:
                return super().execute(sql, parameters)
            trap.passing("checkpoint: write lock held")
            if not (trap.armed(MIDWAY.name) and gauge.load.full):
                return super().execute(sql, parameters)
            return self._killed_midway(sql)

        def _killed_midway(self, sql: str) -> sqlite3.Cursor:
            """SQLite lets go of the interpreter while it copies pages, so another thread can kill then. One that came too
            late was no passing; the next comes sooner."""
            assert trap.arm is not None
            over = threading.Event()
            delay = trap.arm.delay / (1 + gauge.get("passings"))
            gauge.set("inside", 1)
            threading.Thread(target=_spring_unless, args=(trap, over, delay), daemon=True).start()
            cursor = super().execute(sql)
            gauge.set("inside", 0)
            over.set()
            gauge.add("passings", 1)
            return cursor

    def helped(target: Log, *_: object) -> None:
        trap.passing("before checkpoint")
        if target._checkpointer is None:
            target._checkpointer = sqlite3.connect(target._database, uri=True, isolation_level=None, factory=Helper)
            target._checkpointer.execute("PRAGMA wal_autocheckpoint = 0").fetchall()

    around(Log, "checkpoint", before=helped, after=lambda: trap.passing("after checkpoint"))


def _spring_unless(trap: Trap, over: threading.Event, delay: float) -> None:
    if not over.wait(delay):
        trap.spring()


def _reopening(trap: Trap) -> None:
    if trap.arm is None or trap.arm.point.phase is not Phase.REOPEN:
        return
    armed, reached = trap.arm, threading.Event()
    trying = Committer._try

    def failing(self: Committer, connection: sqlite3.Connection, batch: Any) -> Transaction:
        """An I/O error at the chosen transaction; at every other one (by its number) it is committed all the same."""
        fails = not reached.is_set() and trap.due(armed.point.name)
        if not fails or armed.passing % 2:
            transaction = trying(self, connection, batch)
        if fails:
            reached.set()
            raise failure(sqlite3.SQLITE_IOERR)
        return transaction

    def at(name: str) -> None:
        if trap.armed(name) and reached.is_set():
            trap.spring()

    Committer._try = failing  # type: ignore[method-assign]
    around_async(Writer, "_reopen", before=lambda: at("before reopen"), after=lambda: at("after reopen"))
    around_async(Writer, "_disconnect", after=lambda: at("reopen: disconnected"))
