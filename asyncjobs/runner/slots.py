"""How many jobs of each queue this process may still start."""

from __future__ import annotations

from collections.abc import Mapping

from asyncjobs.record import record


@record
class SlotStats:
    """One queue's slots: `busy` of `limit` are taken; `stuck` of the busy ones by jobs that ignore their cancellation."""

    limit: int
    busy: int
    stuck: int


class Slots:
    """Counters, one owner: taken by the dispatcher, given back when an attempt's outcome is in the ledger.

    A job that ignores its cancellation keeps its slot, since it still runs; a replacement opens for it, up to once the limit,
    so that a queue doesn't come to a stand. Measured against asyncio.Semaphore: nobody ever waits here, so counting is enough.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = dict(limits)
        self._busy = dict.fromkeys(limits, 0)
        self._stuck = dict.fromkeys(limits, 0)

    def free(self, queue: str) -> int:
        limit = self._limits[queue]
        return max(limit + min(self._stuck[queue], limit) - self._busy[queue], 0)

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """From now on; what runs beyond them goes on."""
        self._limits.update(limits)

    def take(self, queue: str) -> None:
        self._busy[queue] += 1

    def give_back(self, queue: str, *, stuck: bool) -> None:
        """The attempt has ended; `stuck` when it had been marked so."""
        self._busy[queue] -= 1
        self._stuck[queue] -= stuck

    def mark_stuck(self, queue: str) -> None:
        self._stuck[queue] += 1

    @property
    def busy(self) -> int:
        """All jobs that run here."""
        return sum(self._busy.values())

    def stats(self) -> dict[str, SlotStats]:
        return {queue: SlotStats(limit, self._busy[queue], self._stuck[queue]) for queue, limit in self._limits.items()}
