"""What is begun from the page and takes longer than a request may: an open request would keep the server from stopping."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from asyncjobs.errors import AsyncJobsError, StoreUnavailable
from asyncjobs.record import record
from asyncjobs.spawn import spawn

logger = logging.getLogger("asyncjobs.web")


@record
class Chore:
    """began_at, ended_at: ms; None while it is under way. found: what it has to say. error: why it came to nothing, None where it didn't."""

    began_at: int
    ended_at: int | None = None
    found: Sequence[str] = ()
    error: str | None = None


class Chores:
    """The latest of each name, of this process."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._latest: dict[str, Chore] = {}  # written by begin and _do
        self._under_way: set[asyncio.Task[None]] = set()

    def __getitem__(self, name: str) -> Chore | None:
        return self._latest.get(name)

    def begin(self, name: str, do: Callable[[], Awaitable[Sequence[str]]]) -> bool:
        """Whether it has begun: not while it is under way."""
        known = self._latest.get(name)
        if known is not None and known.ended_at is None:
            return False
        self._latest[name] = chore = Chore(self._now())
        task = spawn(self._do(name, chore, do), name=f"asyncjobs {name}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return True

    async def _do(self, name: str, chore: Chore, do: Callable[[], Awaitable[Sequence[str]]]) -> None:
        found: Sequence[str] = ()
        error = "it was broken off"
        try:
            found, error = await do(), ""
        except StoreUnavailable as raised:
            error = raised.reason
        except AsyncJobsError as raised:  # the store closed meanwhile, or there is nothing to do it to
            error = str(raised)
        finally:
            self._latest[name] = Chore(chore.began_at, self._now(), found, error or None)
            logger.info("%s ended: %s", name, error or "; ".join(found) or "nothing to say")
