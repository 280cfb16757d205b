"""What the limits of a queue leave for one claim."""

from __future__ import annotations

from dataclasses import dataclass

from asyncjobs.job import State
from asyncjobs.queue import Limits
from asyncjobs.store.base import Claim
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.transaction import Transaction

_UNLIMITED = Limits()
_MANY = 1 << 31


@dataclass(slots=True)
class Room:
    """What a queue's limits leave: `count` jobs now."""

    transaction: Transaction
    queue: str
    now: int
    limits: Limits
    running: int = 0  # in all processes
    spent_to: float = 0.0  # see Rate

    @classmethod
    def of(cls, transaction: Transaction, queue: str, claim: Claim, now: int) -> Room:
        limits, execute = claim.limits.get(queue), transaction.cursor.execute
        if limits is None:
            return cls(transaction, queue, now, _UNLIMITED)
        room = cls(transaction, queue, now, limits)
        if limits.at_once is not None:  # the counter is exact, with what this transaction will add to it
            ((counted,),) = execute(sql.RUNNING_OF, (queue,)).fetchall() or [(0,)]
            room.running = counted + transaction.tally.counters.get((queue, State.RUNNING), 0)
        if limits.rate is not None:
            ((spent_to,),) = execute(sql.SPENT, (queue,)).fetchall() or [(0.0,)]
            room.spent_to = limits.rate.settled(spent_to, now)
            if room.spent_to != spent_to:
                execute(sql.SPEND, (queue, room.spent_to))
        return room

    @property
    def count(self) -> int:
        at_once, rate = self.limits.at_once, self.limits.rate
        return min(
            _MANY if at_once is None else max(at_once - self.running, 0),
            _MANY if rate is None else rate.room(self.spent_to, self.now),
        )

    def spend(self, count: int) -> None:
        """So many begin."""
        self.running += count
        if self.limits.rate is not None and count:
            self.spent_to = self.limits.rate.spend(self.spent_to, self.now, count)
            self.transaction.cursor.execute(sql.SPEND, (self.queue, self.spent_to))

    @property
    def is_full(self) -> bool:
        """As many run as may."""
        return self.limits.at_once is not None and self.running >= self.limits.at_once

    @property
    def open_at(self) -> int:
        """From when on its rate lets one begin, ms."""
        return 0 if self.limits.rate is None else self.limits.rate.next_at(self.spent_to, self.now)
