"""One task owns the one write connection, and commits for everybody.

The batch is whatever came in while the commit before was on its way to disk: no timer, no latency added when idle, and large
batches exactly when busy. An operation belongs to the writer once it is submitted: its caller may be cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from asyncjobs.errors import AsyncJobsError, OutcomeUnknown, StoreClosed, StoreUnavailable
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.connection import BUSY_TIMEOUT, Hopper, code_of, is_away, unavailable
from asyncjobs.store.sqlite.schema import quoted
from asyncjobs.store.sqlite.siblings import Gate, Waker
from asyncjobs.store.tally import Tally

logger = logging.getLogger("asyncjobs.store")

BATCH_ROWS = 2_000  # of one transaction, so that nobody waits long behind a heap (an operation is never split)
# Rows changed between checkpoints: at about six changed rows a page this keeps the log below some 16 MB (measured 2026-11).
CHECKPOINT_CHANGES = 20_000


class Rank(IntEnum):
    """The order within a transaction: a claim finds what its batch has inserted and put back."""

    INSERT = 0
    CHANGE = 1
    CLAIM = 2


class Transaction:
    """What an operation sees while it is carried out, on the connection's thread."""

    __slots__ = ("connection", "cursor", "now", "tally", "woken")

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.tally = Tally()
        self.now = now  # the latest of the batch's inserts and changes: a claim is not earlier than what it may find
        self.woken: set[str] = set()  # queues that may have got work

    def flush(self) -> None:
        """Write what the tally has gathered."""
        counters = [(queue, key, n) for (queue, key), n in self.tally.counters.items() if n]
        if counters:
            self.cursor.executemany(sql.COUNT, counters)
        if self.tally.history:
            self.cursor.executemany(sql.RECORD, [(*key, n) for key, n in self.tally.history.items()])


@dataclass(slots=True, eq=False)
class Operation:
    """One verb's work. `act` runs on the connection's thread. synced: its commit must reach the disk."""

    rank: Rank
    synced: bool
    act: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    now: int = 0
    rows: int = 1
    ids: Sequence[str] = ()  # of an insert
    outcome: Any = field(default=None)  # a value, or an exception; written by the thread


class Writer:
    """Lives on one event loop, from open() to close()."""

    def __init__(self, path: str, gate: Gate, waker: Waker) -> None:
        self._path = path
        self._gate = gate
        self._waker = waker
        self._hopper = Hopper(f"file:{quoted(path)}?mode=rw")
        self._pending: list[Operation] = []  # appended by submit(), taken by _run()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._synchronous = ""  # as the connection has it; the thread's
        self._identity: tuple[int, int] | None = None  # device and inode of the file that is open; the thread's
        self._checkpointer: sqlite3.Connection | None = None  # the thread's
        self._changes_seen = 0  # total_changes at the last checkpoint; the thread's
        self._needs_reopening = False  # after an I/O error

    # --- on the loop ---

    async def open(self, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """Connect; `prepare` makes the file ours. sqlite3 errors come through, and nothing stays open then."""
        await self._connect(prepare)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="asyncjobs writer")

    async def _connect(self, prepare: Callable[[sqlite3.Connection], None] | None = None) -> None:
        await self._hopper.open()
        try:
            await self._hopper.call(lambda connection: self._set_up(connection, prepare))
        except BaseException:
            await self._hopper.close()
            raise

    @property
    def backlog(self) -> int:
        """Operations that wait for a commit."""
        return len(self._pending)

    def submit(
        self,
        rank: Rank,
        act: Callable[[Transaction], Any],
        *,
        synced: bool,
        now: int = 0,
        rows: int = 1,
        ids: Sequence[str] = (),
    ) -> asyncio.Future[Any]:
        """Put this into the next transaction; the future has its value once that is committed."""
        if self._closing or self._task is None:
            raise StoreClosed
        future: asyncio.Future[Any] = self._task.get_loop().create_future()
        self._pending.append(Operation(rank, synced, act, future, now, rows, ids))
        self._arrived.set()
        return future

    async def close(self) -> None:
        """Commit what was submitted, then disconnect."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait({self._task})
        try:
            await self._hopper.call(self._tear_down)
        except StoreClosed:
            pass
        finally:
            await self._hopper.close()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._pending:
                await self._write(self._take())
            if self._closing:
                return

    def _take(self) -> list[Operation]:
        rows = 0
        for count, operation in enumerate(self._pending):
            rows += operation.rows
            if rows > BATCH_ROWS and count:
                batch, self._pending = self._pending[:count], self._pending[count:]
                return batch
        batch, self._pending = self._pending, []
        return batch

    async def _write(self, batch: list[Operation]) -> None:
        try:
            if self._needs_reopening:
                await self._reopen()
            failed = await self._hopper.call(lambda connection: self._commit(connection, batch))
            if failed is not None and code_of(failed) == sqlite3.SQLITE_IOERR:
                failed = await self._again(batch, failed)
            if failed is not None:
                self._fail(batch, failed)
        except sqlite3.Error as error:
            self._fail(batch, error)
        except AsyncJobsError as error:
            for operation in batch:
                operation.outcome = error
        except BaseException as error:  # a bug of ours, or our own cancellation: nobody may wait for ever
            for operation in batch:
                operation.outcome = StoreUnavailable(f"{self._path}: the writer was stopped ({error!r})")
            raise
        finally:
            for operation in batch:
                _resolve(operation)

    async def _again(self, batch: list[Operation], failed: sqlite3.Error) -> sqlite3.Error | None:
        """After an I/O error nobody knows what is on disk: look with fresh eyes, and do what is idempotent once more.

        A claim that had been committed after all turns up as a stray at its runner's next beats.
        """
        self._needs_reopening = True
        logger.warning("%s: %s; reopening the database", self._path, failed)
        await self._reopen()
        return await self._hopper.call(lambda connection: self._commit(connection, batch))

    async def _reopen(self) -> None:
        await self._hopper.close()
        self._synchronous, self._checkpointer, self._changes_seen = "", None, 0
        await self._connect()
        self._needs_reopening = False

    def _fail(self, batch: list[Operation], error: sqlite3.Error) -> None:
        unknown = code_of(error) == sqlite3.SQLITE_IOERR
        for operation in batch:
            if unknown and operation.ids:
                operation.outcome = OutcomeUnknown(unavailable(error, self._path).reason, operation.ids)
            else:
                operation.outcome = unavailable(error, self._path)

    # --- on the thread ---

    def _set_up(self, connection: sqlite3.Connection, prepare: Callable[[sqlite3.Connection], None] | None) -> None:
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT * 1000:.0f}",
            "wal_autocheckpoint = 0",  # see _checkpoint
            "foreign_keys = 1",
            "trusted_schema = 0",
            "cell_size_check = 1",
            "temp_store = MEMORY",
            "journal_size_limit = 67108864",
            "cache_size = -16384",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if prepare is not None:
            prepare(connection)
        self._identity = _identity(self._path)

    def _commit(self, connection: sqlite3.Connection, batch: list[Operation]) -> sqlite3.Error | None:
        """Carry the batch out in one transaction; the error when the store failed, None when every outcome is written."""
        if _identity(self._path) != self._identity:
            gone = StoreUnavailable(
                f"{self._path} was removed or replaced while it was open; stop the app, put the file back, start it again"
            )
            for operation in batch:
                operation.outcome = gone
            return None
        turn = self._gate.enter()
        try:
            woken = self._transact(connection, sorted(batch, key=lambda operation: operation.rank))
            if connection.total_changes - self._changes_seen > CHECKPOINT_CHANGES:
                self._checkpoint(connection)
        except sqlite3.Error as error:
            return error
        finally:
            if turn:
                self._gate.leave()
        if woken and self._gate.siblings:
            self._waker.tell(self._gate.siblings, woken)
        return None

    def _transact(self, connection: sqlite3.Connection, batch: list[Operation]) -> set[str]:
        """One transaction; where one operation's data is bad, one for each, so that only that one fails. Store errors escape."""
        try:
            transaction = self._try(connection, batch)
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error) and is_away(error):
                raise
            if len(batch) == 1:
                batch[0].outcome = error
                return set()
            return set().union(*(self._transact(connection, [operation]) for operation in batch))
        return transaction.woken

    def _try(self, connection: sqlite3.Connection, batch: list[Operation]) -> Transaction:
        level = "FULL" if any(operation.synced for operation in batch) else "NORMAL"
        if level != self._synchronous:
            connection.execute(f"PRAGMA synchronous = {level}")
            self._synchronous = level
        transaction = Transaction(connection, max(operation.now for operation in batch))
        connection.execute("BEGIN IMMEDIATE")
        for operation in batch:
            operation.outcome = operation.act(transaction)
        transaction.flush()
        connection.execute("COMMIT")
        return transaction

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """Move the log into the database, while nobody can write.

        SQLite 3.7.0 to 3.51.2 can lose committed rows when one process checkpoints passively while another resets the log: so
        no connection ever does it by itself, and this one does it by a helper while it holds the write lock. (What the last
        connection does as it closes happens under an exclusive lock, where the race can't be.)
        """
        self._changes_seen = connection.total_changes
        try:
            if self._checkpointer is None:
                self._checkpointer = sqlite3.connect(self._path, isolation_level=None)
                self._checkpointer.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:  # the batch before it is committed all the same; the log grows until the next time
            logger.warning("%s: the checkpoint failed (%s); it is tried again later", self._path, error)

    def _tear_down(self, connection: sqlite3.Connection) -> None:
        if self._checkpointer is not None:
            self._checkpointer.close()
            self._checkpointer = None


def _resolve(operation: Operation) -> None:
    if operation.future.done():  # the caller was cancelled; the operation was not
        return
    if isinstance(operation.outcome, BaseException):
        operation.future.set_exception(operation.outcome)
    else:
        operation.future.set_result(operation.outcome)


def _identity(path: str) -> tuple[int, int] | None:
    """Which file stands there. By stat: opening the file in this process and closing it would drop SQLite's locks on it."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
