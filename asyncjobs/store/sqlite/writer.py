"""One task owns the one write connection, whose thread commits for everybody.

The batch is what came in while the commit before was on its way to disk, or half of it where that is much (see Inbox): no timer,
no latency added when idle, and large batches exactly when busy. An operation belongs to the writer once it is submitted: its
caller may be cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from asyncjobs.clock import Clock
from asyncjobs.errors import StoreClosed, StoreUnavailable
from asyncjobs.spawn import spawn
from asyncjobs.store.base import Inserted
from asyncjobs.store.sqlite.committer import Committer, Failure, failure_of
from asyncjobs.store.sqlite.connection import Hopper, code_of
from asyncjobs.store.sqlite.inbox import Inbox
from asyncjobs.store.sqlite.rows import Row
from asyncjobs.store.sqlite.schema import quoted
from asyncjobs.store.sqlite.siblings import Gate, Waker
from asyncjobs.store.sqlite.transaction import Operation, Rank, Transaction

logger = logging.getLogger("asyncjobs.store")


class Writer:
    """Lives on one event loop, from open() to close(). Everything here is on the loop."""

    def __init__(self, path: str, gate: Gate, waker: Waker, clock: Clock) -> None:
        self._path = path
        database = f"file:{quoted(path)}?mode=rw"
        self._hopper = Hopper(database)
        self._committer = Committer(path, database, gate, waker, clock)  # on the hopper's thread
        self._inbox = Inbox()
        self._arrived = asyncio.Event()  # for the loop to wait by, while the thread can't
        self._loop: asyncio.AbstractEventLoop  # set by open()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def open(self, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """Connect; `prepare` makes the file ours. sqlite3 errors come through, and nothing stays open then."""
        self._loop = asyncio.get_running_loop()
        await self._connect(prepare)
        self._task = spawn(self._run(), name="asyncjobs writer")

    async def _connect(self, prepare: Callable[[sqlite3.Connection], None] | None = None) -> None:
        await self._hopper.open()
        try:
            await self._hopper.call(lambda connection: self._committer.set_up(connection, prepare))
        except BaseException:
            await self._hopper.close()
            raise

    @property
    def backlog(self) -> int:
        """Operations that wait for a commit."""
        return len(self._inbox)

    def submit(
        self, rank: Rank, act: Callable[[Transaction], Any], *, synced: bool, now: int = 0, rows: int = 1
    ) -> asyncio.Future[Any]:
        """Put this into the next transaction; the future has its value once that is committed."""
        return self._enter(Operation(rank, synced, self._loop.create_future(), act, now=now, rows=rows))

    def insert(
        self, rows: Sequence[Row], *, synced: bool, now: int, act: Callable[[Transaction], list[Inserted]] | None = None
    ) -> asyncio.Future[list[Inserted]]:
        """The same for new rows, one at least; the future has what became of each. act: inserts them in a way of its own."""
        return self._enter(Operation(Rank.INSERT, synced, self._loop.create_future(), act, inserts=rows, now=now, rows=len(rows)))

    def _enter(self, operation: Operation) -> asyncio.Future[Any]:
        if self._closing or self._task is None or self._task.done():
            raise StoreClosed
        if self._inbox.put(operation):  # in the loop's next turn: the claim that an insert has woken then shares its commit
            self._loop.call_soon(self._inbox.wake)
        self._arrived.set()
        return operation.future

    async def finish(self) -> bool:
        """Commit what was submitted, and take no more. False: a sync has failed, and what it dropped could not be mended."""
        self._closing = True
        self._inbox.recall()
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait({self._task})
        if self._committer.needs_reopening:
            try:
                await self._reopen()
            except (sqlite3.Error, StoreUnavailable) as error:
                logger.error("%s: its log is left as it is, for the next start to read (%s)", self._path, error)
        return not self._committer.needs_reopening

    async def close(self) -> None:
        """Disconnect; finish() comes first."""
        await self._disconnect()

    async def _disconnect(self) -> None:
        with suppress(StoreClosed):  # an attempt to reopen got no further than this
            await self._hopper.call(lambda _: self._committer.log.end())
        await self._hopper.close()

    async def _run(self) -> None:
        try:
            while self._inbox or not self._closing:
                if self._committer.needs_reopening:
                    if batch := self._inbox.take():  # of many that wait, a part
                        await self._write(batch)
                    else:
                        self._arrived.clear()
                        await self._arrived.wait()
                elif trouble := await self._hopper.call(self._serve):
                    await self._write(*trouble)
        except BaseException as error:  # the loop is coming down; the thread goes on by itself, to the end of its batch
            self._inbox.recall()
            self._fail(self._committer.under_way, error, maybe_stored=True)
            raise
        finally:  # normally nothing is left; nobody may wait for a writer that is gone
            while left := self._inbox.take():
                for operation in left:
                    operation.refuse(StoreClosed())

    def _serve(self, connection: sqlite3.Connection) -> tuple[list[Operation], Exception] | None:
        """For as long as all goes well; on the thread."""
        return self._committer.serve(connection, self._inbox, self._answer)

    def _answer(self, batch: list[Operation]) -> None:
        """Tell the callers at once, without waiting for a checkpoint; from the thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve_all, batch)

    async def _write(self, batch: list[Operation], failed: Exception | None = None) -> None:
        """Carry the batch out, once more where it has failed, on a new connection where it takes one; and answer everybody."""
        maybe_stored = False  # by a try that ended in an I/O error: nobody knows what is on disk
        try:
            if failed is None:
                await self._reopen()
                failed = await self._commit(batch)
            if isinstance(failed, sqlite3.Error) and code_of(failed) == sqlite3.SQLITE_IOERR:
                maybe_stored = True
                failed = await self._again(batch, failed)
            if failed is not None:
                raise failed
        except (sqlite3.Error, StoreUnavailable) as error:
            self._fail(batch, error, maybe_stored)
        except Exception as error:  # a bug of ours: this batch pays for it, and the next begins on a clean connection
            logger.exception("%s: the writer failed", self._path)
            self._committer.needs_reopening = True
            self._fail(batch, error, maybe_stored=True)
        except BaseException as error:
            self._fail(batch, error, maybe_stored=True)
            raise
        else:
            _resolve_all(batch)

    async def _commit(self, batch: list[Operation]) -> Failure | None:
        return await self._hopper.call(lambda connection: self._committer.commit(connection, batch))

    async def _again(self, batch: list[Operation], failed: sqlite3.Error) -> Failure | None:
        """After an I/O error: look with fresh eyes, and do what is idempotent once more.

        A claim that had been committed after all turns up as a stray at its runner's next beats.
        """
        logger.warning("%s: %s; reopening the database", self._path, failed)
        await self._reopen()
        await self._hopper.call(lambda connection: self._committer.disown(connection, batch))
        first = [operation.outcome for operation in batch]
        again = await self._commit(batch)
        for operation, before in zip(batch, first, strict=True):
            if operation.inserts and again is None:
                operation.outcome = _as_first(before, operation.outcome)
        return again

    async def _reopen(self) -> None:
        """Raises sqlite3 errors, or StoreUnavailable where the files are gone; and is to be tried again then."""
        with suppress(StoreClosed):  # an attempt before this has closed it, and got no further
            if gone := await self._hopper.call(self._committer.gone):  # nobody else has what is open here
                raise gone
        await self._disconnect()
        await self._connect()
        await self._hopper.call(self._committer.log.empty)
        self._committer.needs_reopening = False

    def _fail(self, batch: list[Operation], error: BaseException, maybe_stored: bool) -> None:
        for operation in batch:
            if operation.settled:
                operation.resolve()
            else:  # the thread may be writing its outcome at this moment
                operation.refuse(failure_of(operation, error, self._path, maybe_stored=maybe_stored))


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
        operation.resolve()
