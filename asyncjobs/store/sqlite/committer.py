"""What the writer does on its connection's thread: one transaction for what came in while the one before was under way."""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Callable

from asyncjobs.clock import Clock
from asyncjobs.errors import OutcomeUnknown, StoreError, StoreUnavailable
from asyncjobs.store.base import Inserted
from asyncjobs.store.sqlite import log
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.connection import BUSY_TIMEOUT, code_of, is_away, unavailable
from asyncjobs.store.sqlite.files import DATABASE, LOCKS, LOG, Files
from asyncjobs.store.sqlite.inbox import Inbox
from asyncjobs.store.sqlite.log import Log
from asyncjobs.store.sqlite.rows import ENQUEUED_AT, ID, Row
from asyncjobs.store.sqlite.siblings import Gate, Waker
from asyncjobs.store.sqlite.transaction import Operation, Transaction

logger = logging.getLogger("asyncjobs.store")

# A connection that was opened while the file could not be written stays read-only for good.
_WORTH_REOPENING = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)

LATELY = 0.002  # seconds since a commit found all files there: what goes after it is taken to go while the next one is written

Failure = sqlite3.Error | StoreUnavailable  # of the store: of everybody in the batch
Answer = Callable[[list[Operation]], None]


class Committer:
    """Of one writer; whichever connection it has at the moment. Everything here is on that connection's thread, but that the
    writer reads and writes `needs_reopening`, while serve() does not run, and reads `under_way` at the loop's end."""

    def __init__(self, path: str, database: str, gate: Gate, waker: Waker, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._gate = gate
        self._waker = waker
        self._files = Files(path)
        self._stood_at = -math.inf  # monotonic; they were looked at, and all there
        self._synchronous = ""  # as the connection has it
        self._counted_to = self._inserted_to = 0  # see Transaction
        self._inserted_before = 0  # as of the batch's beginning
        self.log = Log(path, database)
        self.needs_reopening = False  # before the next batch
        self.under_way: list[Operation] = []  # the batch of serve()

    def serve(self, connection: sqlite3.Connection, inbox: Inbox, answer: Answer) -> tuple[list[Operation], Exception] | None:
        """Commit what comes in, until a recall, or until one batch fails: that one and its error. None also where the next
        needs another connection."""
        while not self.needs_reopening and inbox.wait():
            self.under_way = batch = inbox.take()
            try:
                failed: Exception | None = self.commit(connection, batch, answer)
            except Exception as error:
                failed = error
            if failed is not None:
                return batch, failed
        return None

    def commit(self, connection: sqlite3.Connection, batch: list[Operation], answer: Answer | None = None) -> Failure | None:
        """Carry the batch out in one transaction; the error when the store failed, None when every outcome is written.

        answer: called once they stand, before a checkpoint; where it isn't given, the outcomes are not the last word.
        """
        self._inserted_before = self._inserted_to
        todo = sorted((operation for operation in batch if not operation.settled), key=lambda operation: operation.rank)
        if self._clock.monotonic() - self._stood_at > LATELY and (gone := self.gone(connection)):
            return gone
        turn = self._gate.enter()
        try:
            done = self._transact(connection, todo)
            gone = self.gone(connection)
            self._stood_at = -math.inf if gone else self._clock.monotonic()
            if gone:  # while this was written
                for operation in todo:
                    operation.outcome = failure_of(operation, gone, self._path, maybe_stored=True)
            if answer is not None:
                answer(todo)
            if gone is None and (any(transaction.shrunk for transaction in done) or self.log.is_long(connection)):
                self.needs_reopening = not self.log.checkpoint(connection)
        except sqlite3.Error as error:
            self.needs_reopening = code_of(error) in _WORTH_REOPENING
            return error
        finally:
            if turn:
                self._gate.leave()
        woken = set[str]().union(*(transaction.woken for transaction in done))
        if woken and self._gate.siblings:
            self._waker.tell(self._gate.siblings, woken)
        return None

    def disown(self, connection: sqlite3.Connection, batch: list[Operation]) -> None:
        """After a try that ended in an I/O error: of what it may have made, take back what was there before it."""
        for operation in batch:
            if operation.inserts and isinstance(operation.outcome, list):
                operation.outcome = [
                    Inserted(one.id, one.created and self._is_of_this_batch(connection, row))
                    for one, row in zip(operation.outcome, operation.inserts, strict=True)
                ]

    def _is_of_this_batch(self, connection: sqlite3.Connection, row: Row) -> bool:
        """Whether this job is there, came after the last insert before, and at its time: another's of that id, hardly."""
        found = connection.execute(sql.WHEN_INSERTED, (row[ID],)).fetchone()
        return found is not None and found[0] > self._inserted_before and found[1] == row[ENQUEUED_AT]

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
        latest = max(operation.now for operation in batch)
        transaction = Transaction(connection, latest, counted_to=self._counted_to, inserted_to=self._inserted_to)
        transaction.run(batch)
        self._counted_to, self._inserted_to = transaction.counted_to, transaction.inserted_to
        return transaction

    def set_up(self, connection: sqlite3.Connection, prepare: Callable[[sqlite3.Connection], None] | None) -> None:
        self._synchronous, self._stood_at = "", -math.inf
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
            ((self._inserted_to,),) = connection.execute("SELECT coalesce(max(seq), 0) FROM jobs").fetchall()
        connection.execute("PRAGMA schema_version").fetchall()  # the first look makes the log's file
        self._files.note(LOG, LOCKS)
        self.log.begin()

    def gone(self, connection: sqlite3.Connection) -> StoreUnavailable | None:
        """What to say where what we have open is not what others would open; None where it is. Never raises sqlite3 errors."""
        if self._files.all_stand:
            return None
        if self._files.others_write:
            return self._files.loss(rescued=False)
        try:
            self.log.empty(connection)  # our descriptor still has it
        except sqlite3.Error as error:
            logger.warning("%s: its log is gone, and could not be moved into the database yet (%s)", self._path, error)
            return self._files.loss(rescued=False)
        return self._files.loss(rescued=True)


def failure_of(operation: Operation, error: BaseException, path: str, *, maybe_stored: bool) -> StoreError:
    """What its caller is told."""
    if isinstance(error, sqlite3.Error):
        failure = unavailable(error, path)
    elif isinstance(error, StoreUnavailable):
        failure = StoreUnavailable(error.reason)
    else:
        failure = StoreUnavailable(f"{path}: the writer was stopped ({error!r})")
    if maybe_stored and operation.inserts:
        failure = OutcomeUnknown(failure.reason, operation.ids)
    failure.__cause__ = error
    return failure


def _of_its_data(error: Exception) -> Exception:
    """What SQLite says of a value that it can't hold (too large, say), as any store would say it."""
    return ValueError(f"this can't be stored: {error}") if isinstance(error, sqlite3.Error) else error
