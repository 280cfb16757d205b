"""One task owns the one write connection, and commits for everybody.

The batch is whatever came in while the commit before was on its way to disk: no timer, no latency added when idle, and large
batches exactly when busy. An operation belongs to the writer once it is submitted: its caller may be cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from asyncjobs.errors import OutcomeUnknown, StoreClosed, StoreError, StoreUnavailable
from asyncjobs.spawn import spawn
from asyncjobs.store.base import Inserted
from asyncjobs.store.sqlite import log
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.connection import BUSY_TIMEOUT, Hopper, code_of, is_away, unavailable
from asyncjobs.store.sqlite.files import DATABASE, LOCKS, LOG, Files
from asyncjobs.store.sqlite.log import Log
from asyncjobs.store.sqlite.schema import quoted
from asyncjobs.store.sqlite.siblings import Gate, Waker
from asyncjobs.store.tally import Tally

logger = logging.getLogger("asyncjobs.store")

BATCH_ROWS = 2_000  # of one transaction, so that nobody waits long behind a heap (an operation is never split)

# A connection that was opened while the file could not be written stays read-only for good.
_WORTH_REOPENING = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


Failure = sqlite3.Error | StoreUnavailable  # of the store: of everybody in the batch


UNCOUNTED = 1_000  # inserts that may wait to be counted: what a reader of the counters has to look through


class Rank(IntEnum):
    """The order within a transaction: a claim finds what its batch has inserted and put back."""

    INSERT = 0
    CHANGE = 1
    CLAIM = 2


class Transaction:
    """What an operation sees while it is carried out, on the connection's thread."""

    __slots__ = ("connection", "cursor", "inserted_to", "now", "shrunk", "tally", "woken")

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.tally = Tally()
        self.now = now  # the latest of the batch's inserts and changes: a claim is not earlier than what it may find
        self.woken: set[str] = set()  # queues that may have got work
        self.inserted_to = 0  # the seq of the last insert, if there was one
        self.shrunk = False  # pages have left the file, for the time being the last: a checkpoint makes it so on disk

    def flush(self) -> None:
        """Write what the tally has gathered.

        Inserts are counted with the next change of another kind, or when they are many; until then who reads the counters adds
        the rows that are not counted. So a commit that only inserts writes no page but the job's own.
        """
        if self.tally:
            self.count_inserts()
        elif self.inserted_to:
            ((counted,),) = self.cursor.execute(sql.COUNTED).fetchall()  # all: a read left open would outlive the commit
            if self.inserted_to - counted > UNCOUNTED:
                self.count_inserts()
        self._write_tally()

    def count_inserts(self) -> None:
        """Have the tally know of every job there is."""
        counted = 0
        for queue, task, at, count, seq in self.cursor.execute(sql.NOT_COUNTED).fetchall():
            self.tally.inserted(queue, task, at, count)
            counted = max(counted, seq)
        if counted:
            self.cursor.execute(sql.ALL_COUNTED, (counted,))

    def _write_tally(self) -> None:
        counters = [(queue, key, n) for (queue, key), n in self.tally.counters.items() if n]
        if counters:
            self.cursor.executemany(sql.COUNT, counters)
        if self.tally.history:
            self.cursor.executemany(sql.RECORD, [(*key, n) for key, n in self.tally.history.items()])
        self.tally = Tally()


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
    settled: bool = field(default=False)  # the outcome stands, whatever becomes of the rest of the batch; written by the thread


class Writer:
    """Lives on one event loop, from open() to close()."""

    def __init__(self, path: str, gate: Gate, waker: Waker) -> None:
        self._path = path
        self._gate = gate
        self._waker = waker
        self._database = f"file:{quoted(path)}?mode=rw"
        self._hopper = Hopper(self._database)
        self._pending: list[Operation] = []  # appended by submit(), taken by _run()
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop  # set by open()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._synchronous = ""  # as the connection has it; the thread's
        self._files = Files(path)  # the thread's
        self._log = Log(path, self._database)  # the thread's
        self._needs_reopening = False  # before the next batch

    # --- on the loop ---

    async def open(self, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """Connect; `prepare` makes the file ours. sqlite3 errors come through, and nothing stays open then."""
        self._loop = asyncio.get_running_loop()
        await self._connect(prepare)
        self._task = spawn(self._run(), name="asyncjobs writer")

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
        if self._closing or self._task is None or self._task.done():
            raise StoreClosed
        future: asyncio.Future[Any] = self._loop.create_future()
        self._pending.append(Operation(rank, synced, act, future, now, rows, ids))
        self._arrived.set()
        return future

    async def finish(self) -> bool:
        """Commit what was submitted, and take no more. False: a sync has failed, and what it dropped could not be mended."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait({self._task})
        if self._needs_reopening:
            try:
                await self._reopen()
            except (sqlite3.Error, StoreUnavailable) as error:
                logger.error("%s: its log is left as it is, for the next start to read (%s)", self._path, error)
        return not self._needs_reopening

    async def close(self) -> None:
        """Disconnect; finish() comes first."""
        await self._disconnect()

    async def _disconnect(self) -> None:
        with suppress(StoreClosed):  # an attempt to reopen got no further than this
            await self._hopper.call(lambda _: self._log.end())
        await self._hopper.close()

    async def _run(self) -> None:
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._pending:
                    await self._write(self._take())
                if self._closing:
                    return
        finally:  # normally nothing is left; nobody may wait for a writer that is gone
            for operation in self._pending:
                operation.outcome = StoreClosed()
                _resolve(operation)
            self._pending = []

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
        """Carry the batch out, and answer everybody, whatever happens."""
        maybe_stored = False  # by a try that ended in an I/O error: nobody knows what is on disk
        try:
            if self._needs_reopening:
                await self._reopen()
            failed = await self._hopper.call(lambda connection: self._commit(connection, batch, answer=self._answer))
            if isinstance(failed, sqlite3.Error) and code_of(failed) == sqlite3.SQLITE_IOERR:
                maybe_stored = True
                failed = await self._again(batch, failed)
            if failed is not None:
                self._fail(batch, failed, maybe_stored)
        except (sqlite3.Error, StoreUnavailable) as error:
            self._fail(batch, error, maybe_stored)
        except Exception as error:  # a bug of ours: this batch pays for it, and the next begins on a clean connection
            logger.exception("%s: the writer failed", self._path)
            self._needs_reopening = True
            self._fail(batch, error, maybe_stored=True)
        except BaseException as error:  # the loop is coming down; the thread goes on by itself
            self._fail(batch, error, maybe_stored=True)
            raise
        finally:
            _resolve_all(batch)

    async def _again(self, batch: list[Operation], failed: sqlite3.Error) -> Failure | None:
        """After an I/O error: look with fresh eyes, and do what is idempotent once more.

        A claim that had been committed after all turns up as a stray at its runner's next beats.
        """
        logger.warning("%s: %s; reopening the database", self._path, failed)
        first = [operation.outcome for operation in batch]
        await self._reopen()
        again = await self._hopper.call(lambda connection: self._commit(connection, batch))
        for operation, before in zip(batch, first, strict=True):
            if operation.ids and again is None:
                operation.outcome = _as_first(before, operation.outcome)
        return again

    async def _reopen(self) -> None:
        """Raises sqlite3 errors, or StoreUnavailable where the files are gone; and is to be tried again then."""
        with suppress(StoreClosed):  # an attempt before this has closed it, and got no further
            if gone := await self._hopper.call(self._gone):  # nobody else has what is open here
                raise gone
        await self._disconnect()
        self._synchronous = ""
        await self._connect()
        await self._hopper.call(self._log.empty)
        self._needs_reopening = False

    def _fail(self, batch: list[Operation], error: BaseException, maybe_stored: bool) -> None:
        for operation in batch:
            if not operation.settled:
                operation.outcome = self._failure(operation, error, maybe_stored)

    def _failure(self, operation: Operation, error: BaseException, maybe_stored: bool) -> StoreError:
        if isinstance(error, sqlite3.Error):
            failure = unavailable(error, self._path)
        elif isinstance(error, StoreUnavailable):
            failure = StoreUnavailable(error.reason)
        else:
            failure = StoreUnavailable(f"{self._path}: the writer was stopped ({error!r})")
        if maybe_stored and operation.ids:
            failure = OutcomeUnknown(failure.reason, operation.ids)
        failure.__cause__ = error
        return failure

    # --- on the thread ---

    def _set_up(self, connection: sqlite3.Connection, prepare: Callable[[sqlite3.Connection], None] | None) -> None:
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT * 1000:.0f}",
            "wal_autocheckpoint = 0",  # see Log.checkpoint
            "foreign_keys = 1",
            "trusted_schema = 0",
            "cell_size_check = 1",
            "temp_store = MEMORY",
            f"journal_size_limit = {log.LOG_KEPT}",
            "cache_size = -16384",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if prepare is not None:
            prepare(connection)
            self._files.note(DATABASE)
        connection.execute("PRAGMA schema_version").fetchall()  # the first look makes the log's file
        self._files.note(LOG, LOCKS)
        self._log.begin()

    def _commit(
        self, connection: sqlite3.Connection, batch: list[Operation], answer: Callable[[list[Operation]], None] | None = None
    ) -> Failure | None:
        """Carry the batch out in one transaction; the error when the store failed, None when every outcome is written.

        answer: called once they stand, before a checkpoint; where it isn't given, the outcomes are not the last word.
        """
        todo = sorted((operation for operation in batch if not operation.settled), key=lambda operation: operation.rank)
        if gone := self._gone(connection):
            return gone
        turn = self._gate.enter()
        try:
            done = self._transact(connection, todo)
            if gone := self._gone(connection):  # it went while this was written
                for operation in todo:
                    operation.outcome = self._failure(operation, gone, maybe_stored=True)
            else:
                if answer is not None:
                    answer(todo)
                if any(transaction.shrunk for transaction in done) or self._log.is_long(connection):
                    self._needs_reopening = not self._log.checkpoint(connection)
        except sqlite3.Error as error:
            self._needs_reopening = code_of(error) in _WORTH_REOPENING
            return error
        finally:
            if turn:
                self._gate.leave()
        woken = set[str]().union(*(transaction.woken for transaction in done))
        if woken and self._gate.siblings:
            self._waker.tell(self._gate.siblings, woken)
        return None

    def _answer(self, batch: list[Operation]) -> None:
        """Tell the callers at once: they needn't wait for a checkpoint, nor for the writer's own task to be told of the commit."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve_all, batch)

    def _transact(self, connection: sqlite3.Connection, batch: list[Operation]) -> list[Transaction]:
        """One transaction; where one operation's data is bad, one for each, so that only that one fails. Store errors escape."""
        try:
            transaction = self._try(connection, batch)
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error) and is_away(error):
                raise
            if len(batch) == 1:
                batch[0].outcome, batch[0].settled = _of_its_data(error), True
                return []
            return [done for operation in batch for done in self._transact(connection, [operation])]
        for operation in batch:
            operation.settled = True
        return [transaction]

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

    def _gone(self, connection: sqlite3.Connection) -> StoreUnavailable | None:
        """What to say where what we have open is not what others would open; None where it is. Never raises sqlite3 errors."""
        if self._files.all_stand:
            return None
        if self._files.others_write:
            return self._files.loss(rescued=False)
        try:
            self._log.empty(connection)  # our descriptor still has it
        except sqlite3.Error as error:
            logger.warning("%s: its log is gone, and could not be moved into the database yet (%s)", self._path, error)
            return self._files.loss(rescued=False)
        return self._files.loss(rescued=True)


def _of_its_data(error: Exception) -> Exception:
    """What SQLite says of a value that it can't hold (too large, say), as any store would say it."""
    return ValueError(f"this can't be stored: {error}") if isinstance(error, sqlite3.Error) else error


def _as_first(before: Any, after: Any) -> Any:
    """What a repeated insert answers: what the first try had made, and the second found, it has made all the same."""
    if not isinstance(before, list) or not isinstance(after, list):
        return after
    return [
        Inserted(found.id, found.created or (made.created and made.id == found.id))
        for made, found in zip(before, after, strict=True)
    ]


def _resolve_all(batch: list[Operation]) -> None:
    for operation in batch:
        _resolve(operation)


def _resolve(operation: Operation) -> None:
    if operation.future.done():  # the caller was cancelled; the operation was not
        return
    if isinstance(operation.outcome, BaseException):
        operation.future.set_exception(operation.outcome)
    else:
        operation.future.set_result(operation.outcome)
