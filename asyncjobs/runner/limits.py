"""The limits of this process's queues as they are now: as configured, changed here until the next start, or kept in the store.

What is kept names how the queue was configured then: once the code says otherwise, the code holds.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import astuple

from asyncjobs.errors import ConfigurationError
from asyncjobs.queue import Limits, Queue

logger = logging.getLogger("asyncjobs.runner")


class QueueLimits:
    """Of all configured queues, whether worked here or not."""

    def __init__(self, configured: Mapping[str, Queue]) -> None:
        self._configured = configured
        self._here: dict[str, Queue] = {}  # written by set_here()
        self._kept: dict[str, Queue] = {}  # written by keep()
        self._texts: Mapping[str, str] = {}  # as the store has them
        self._now: Mapping[str, Queue]  # what comes of these; written by _combine(), as the next
        self.over_all: Mapping[str, Limits]  # of the queues that have limits over all processes
        self._combine()

    def __getitem__(self, queue: str) -> Queue:
        """What holds now."""
        return self._now[queue]

    def _combine(self) -> None:
        self._now = {**self._configured, **self._kept, **self._here}
        self.over_all = {name: limits for name, queue in self._now.items() if (limits := queue.limits) is not None}

    def set_here(self, queue: str, limits: Queue | None) -> None:
        """Until the next start, in this process; None: no more."""
        if limits is None:
            self._here.pop(queue, None)
        else:
            self._here[queue] = limits
        self._combine()

    def keep(self, texts: Mapping[str, str]) -> bool:
        """What the store keeps; whether that is news."""
        if texts == self._texts:
            return False
        self._texts = texts
        self._kept = {queue: limits for queue, text in texts.items() if (limits := self._read(queue, text)) is not None}
        self._combine()
        return True

    def with_kept(self, queue: str, text: str | None) -> Mapping[str, str]:
        """As the store has them once this is kept, or dropped."""
        others = {name: other for name, other in self._texts.items() if name != queue}
        return others if text is None else {**others, queue: text}

    def text_of(self, queue: str, limits: Queue) -> str:
        """As the store is to keep them."""
        return json.dumps([astuple(limits), astuple(self._configured[queue])])

    def _read(self, queue: str, text: str) -> Queue | None:
        """None where the code has changed its mind since, or says nothing of this queue."""
        if queue not in self._configured:
            return None
        try:
            limits, configured = json.loads(text)
            return Queue(*limits) if tuple(configured) == astuple(self._configured[queue]) else None
        except (ValueError, TypeError, ConfigurationError) as error:  # of a version that knows other limits
            logger.warning("the kept limits of queue %r can't be read here (%s); it has those of the code", queue, error)
            return None
