"""Operations on their way from the event loop to the connection's thread."""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue

from asyncjobs.store.sqlite.transaction import Operation

BATCH_ROWS = 2_000  # of one transaction, so that nobody waits long behind a heap (an operation is never split)
# Operations from which on a batch is but the first half of them: a commit costs what some forty rows do, so that while one half
# is on its way to the disk, who waited for the other can bring what comes next.
WORTH_HALVING = 40


class Inbox:
    """First in, first out. One thread takes, and sleeps where there is nothing."""

    def __init__(self) -> None:
        self._waiting: deque[Operation] = deque()
        self._asleep = False  # written by the thread; at worst it is woken for nothing
        self._waking = False  # wake() is on its way; written on the loop
        self._rings: SimpleQueue[None] = SimpleQueue()
        self._recalled = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, operation: Operation) -> bool:
        """Whether wake() has to follow."""
        self._waiting.append(operation)
        if self._waking or not self._asleep:
            return False
        self._waking = True
        return True

    def wake(self) -> None:
        self._waking = False
        self._rings.put(None)

    def recall(self) -> None:
        """Have wait() return once there is nothing to take."""
        self._recalled = True
        self.wake()

    def wait(self) -> bool:
        """Return when there is something to take, or at a recall; whether there is."""
        while not self._waiting:
            if self._recalled:
                self._recalled = False
                return False
            self._asleep = True
            if not self._waiting and not self._recalled:  # else it came before anybody could know
                self._rings.get()
            self._asleep = False
        return True

    def take(self) -> list[Operation]:
        """The next batch; never waits. At the loop's end both sides may take: each operation is had by one of them."""
        count, rows, batch = len(self._waiting), 0, list[Operation]()
        for _ in range(count if count <= WORTH_HALVING else count // 2):
            try:
                operation = self._waiting.popleft()
            except IndexError:  # the other side was faster
                break
            rows += operation.rows
            if batch and rows > BATCH_ROWS:
                self._waiting.appendleft(operation)
                break
            batch.append(operation)
        return batch
