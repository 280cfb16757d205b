"""huey on an SQLite file: a library of threads, so an enqueue goes through one, and its consumer's threads run in the process.

Settings: `fsync`: "0", commits are not synced (by default as huey leaves it, which is SQLite's FULL); `max_delay`: seconds between an
idle consumer's looks, always (by default huey's backoff from 0.1 s to 10 s).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huey import SqliteHuey

from tests.bench.peers.adapter import Adapter
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import sqlite


class OnHuey(Adapter):
    def __init__(self, concurrency: int, settings: Mapping[str, str], folder: Path) -> None:
        super().__init__(concurrency, settings, folder)
        self.poll = float(settings.get("max_delay", 1.0))  # how far the backoff comes within a pause as long

    async def open(self) -> None:
        self._path = sqlite.fresh(self.folder, "huey")
        synced: dict[str, Any] = {"fsync": self.settings["fsync"] == "1"} if "fsync" in self.settings else {}
        self._huey = SqliteHuey("peers", filename=str(self._path), results=False, **synced)

        @self._huey.task()
        def job(number: int) -> None:
            PROBE.hit()

        self._job = job

    async def enqueue(self, number: int) -> None:
        await asyncio.to_thread(self._job, number)

    async def start_worker(self) -> None:
        delay = self.settings.get("max_delay")
        delays = {} if delay is None else {"initial_delay": float(delay), "max_delay": float(delay)}
        self._consumer = self._huey.create_consumer(
            workers=self.concurrency, worker_type="thread", periodic=False, check_worker_health=False, **delays
        )
        self._consumer.start()

    async def stop_worker(self) -> None:
        await asyncio.to_thread(self._consumer.stop)

    async def unfinished(self) -> int:
        return self._huey.pending_count()

    async def fill(self, count: int) -> None:
        """One job by huey and copies of its row: it has no call for many jobs, and doesn't look whether ids are unique."""
        if count < 1:
            return
        await self.enqueue(0)
        if count > 1:
            connection = sqlite3.connect(self._path)
            with connection:
                connection.execute(
                    "INSERT INTO task (queue, data, priority) SELECT queue, data, priority "
                    f"FROM (SELECT * FROM task ORDER BY id DESC LIMIT 1), {sqlite.copies(count - 1)}"
                )
            connection.close()
