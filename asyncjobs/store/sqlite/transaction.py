"""One transaction: the operations that it carries out, and what they see of it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from typing import Any

from asyncjobs.store.base import Inserted
from asyncjobs.store.sqlite import inserting, keys
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import ID, KEY, QUEUE, UNIQUE_KEY, Row, dumps
from asyncjobs.store.tally import Tally

UNCOUNTED = 1_000  # inserts that may wait to be counted: what a reader of the counters has to look through


class Rank(IntEnum):
    """The order within a transaction: a claim finds what its batch has inserted and put back."""

    INSERT = 0
    CHANGE = 1
    CLAIM = 2


@dataclass(slots=True, eq=False)
class Operation:
    """One verb's work: the rows that it inserts, or what it does, `act`, on the connection's thread: with these rows, if any."""

    rank: Rank
    synced: bool  # its commit must reach the disk
    future: asyncio.Future[Any]
    act: Callable[[Transaction], Any] | None = None
    inserts: Sequence[Row] = ()
    now: int = 0
    rows: int = 1
    outcome: Any = field(default=None)  # a value, or an exception; written by the thread
    settled: bool = field(default=False)  # the outcome stands, whatever becomes of the rest of the batch; written by the thread

    @property
    def ids(self) -> list[str]:
        """Of the jobs that it inserts."""
        return [row[ID] for row in self.inserts]

    @property
    def plain_inserts(self) -> Sequence[Row]:
        """What is inserted together with others'."""
        return self.inserts if self.act is None else ()

    def resolve(self) -> None:
        """Tell who waits what has become of it; on the loop."""
        if isinstance(outcome := self.outcome, BaseException):
            self.refuse(outcome)
        elif not self.future.done():  # else the caller was cancelled; the operation was not
            self.future.set_result(outcome)

    def refuse(self, error: BaseException) -> None:
        """Tell who waits this, whatever the outcome; on the loop."""
        if not self.future.done():
            self.future.set_exception(error)


class Transaction:
    """What an operation sees while it is carried out, on the connection's thread."""

    __slots__ = ("connection", "counted_to", "cursor", "inserted_to", "now", "shrunk", "tally", "woken")

    def __init__(self, connection: sqlite3.Connection, now: int, *, counted_to: int, inserted_to: int) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.tally = Tally()
        self.now = now  # the latest of the batch's inserts and changes: a claim is not earlier than what it may find
        self.counted_to = counted_to  # the seq up to which inserts are known to be counted; a sibling may have counted further
        self.inserted_to = inserted_to  # the seq of this connection's last insert
        self.woken: set[str] = set()  # queues that may have got work for siblings
        self.shrunk = False  # pages have left the file, for the time being the last: a checkpoint makes it so on disk

    def run(self, operations: Sequence[Operation]) -> None:
        """Carry these out, in order of rank, and commit."""
        if self._may_insert_alone(operations) and self._insert_alone(operations):
            return
        self.connection.execute("BEGIN IMMEDIATE")
        self._insert(operations)
        for operation in operations:
            if operation.act is not None:
                operation.outcome = operation.act(self)
        self.flush()
        self.connection.execute("COMMIT")

    def _may_insert_alone(self, operations: Sequence[Operation]) -> bool:
        """Whether one statement does it all, which is a transaction by itself: the thread lets go of the interpreter but once."""
        rows = sum(len(operation.inserts) for operation in operations)
        return (
            rows <= inserting.AT_ONCE
            and self.inserted_to + rows - self.counted_to <= UNCOUNTED
            and all(operation.act is None for operation in operations)
            # A unique key often meets another, and a key wants counting.
            and not any([row[UNIQUE_KEY] is not None or len(row) > KEY for operation in operations for row in operation.inserts])
        )

    def _insert_alone(self, operations: Sequence[Operation]) -> bool:
        """Whether it went in; where one row has met another, nothing has happened."""
        rows = _rows(operations)
        self._answer(operations, inserting.all_created(rows))  # first: an error may leave open whether it was so
        try:
            inserting.insert_all(self.cursor, rows)
        except sqlite3.IntegrityError:
            return False
        self.woken.update(row[QUEUE] for row in rows)
        self._has_inserted()
        return True

    def _insert(self, operations: Sequence[Operation]) -> None:
        if rows := _rows(operations):
            self._answer(operations, self.insert(rows))

    def insert(self, rows: Sequence[Row]) -> list[Inserted]:
        """Insert those that meet no other, and say what became of each."""
        answers = inserting.insert_new(self.cursor, rows, self.tally)
        self._has_inserted()
        self.woken.update(row[QUEUE] for row, answer in zip(rows, answers, strict=True) if answer.created)
        return answers

    def make_room(self, of_keys: Iterable[str], now: int) -> None:
        """Jobs of these keys have ended, or left the queue: let go who waited for that."""
        for queue in keys.release(self.cursor, of_keys, now):
            self.tally.held(queue, -1)
            self.woken.add(queue)

    def _has_inserted(self) -> None:
        """A connection that has inserted nothing yet says 0."""
        self.inserted_to = max(self.inserted_to, self.cursor.lastrowid or 0)

    def _answer(self, operations: Sequence[Operation], answers: Sequence[Inserted]) -> None:
        left = iter(answers)
        for operation in operations:
            if rows := operation.plain_inserts:
                operation.outcome = list(islice(left, len(rows)))

    def rows(self, statement: str, values: Mapping[str, object]) -> list[Any]:
        """Of a statement that answers with all its rows in one, as JSON: each step of a statement is a turn without the interpreter."""
        rows: list[Any] = json.loads(self.cursor.execute(statement, values).fetchall()[0][0])
        return rows

    def flush(self) -> None:
        """Write what the tally has gathered.

        Inserts are counted with the next change of another kind, or when they are many; until then who reads the counters adds
        the rows that are not counted. So a commit that only inserts writes no page but the job's own.
        """
        if self.tally or self.inserted_to - self.counted_to > UNCOUNTED:
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
        self.counted_to = max(self.counted_to, self.inserted_to, counted)

    def _write_tally(self) -> None:
        counters = [(queue, key, n) for (queue, key), n in self.tally.counters.items() if n]
        if counters:
            self.cursor.execute(sql.COUNT, (dumps(counters),))
        if self.tally.history:
            self.cursor.execute(sql.RECORD, (dumps([(*key, n) for key, n in self.tally.history.items()]),))
        self.tally = Tally()


def _rows(operations: Sequence[Operation]) -> list[Row]:
    return [row for operation in operations for row in operation.plain_inserts]
