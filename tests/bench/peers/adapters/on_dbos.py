"""DBOS's queues. Settings: `store`: "sqlite" (the default) or "postgres"; `poll`: seconds between its looks (DBOS's 1.0 otherwise)."""

from __future__ import annotations

import sys

try:  # DBOS's SQLite schema needs SQLite 3.42; where the system's is older, this package has a newer one in it
    import pysqlite3
    import pysqlite3.dbapi2
except ImportError:
    pass
else:
    sys.modules["sqlite3"], sys.modules["sqlite3.dbapi2"] = pysqlite3, pysqlite3.dbapi2

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dbos import DBOS

from tests.bench.peers.adapter import Adapter
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import postgres, sqlite

DATABASE = "peer_dbos"
QUEUE = "peers"


class OnDbos(Adapter):
    def __init__(self, concurrency: int, settings: Mapping[str, str], folder: Path) -> None:
        super().__init__(concurrency, settings, folder)
        self.poll = float(settings.get("poll", 1.0))
        self._on_postgres = settings.get("store") == "postgres"
        self._launched = False

    async def open(self) -> None:
        if self._on_postgres:
            self._url = postgres.fresh(DATABASE)
        else:
            self._path = sqlite.fresh(self.folder, "dbos")
            self._url = f"sqlite:///{self._path}"
        await self._launch(["none"])

    async def _launch(self, queues: Sequence[str]) -> None:
        """What a process listens to can be said before its launch only, so a worker's start is a launch anew."""
        # DBOS.destroy shuts the loop's executor down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4))
        if self._launched:
            await asyncio.to_thread(DBOS.destroy)
        DBOS(
            config={
                "name": "peers",
                "application_version": "1",
                "system_database_url": self._url,
                "log_level": "ERROR",
                "sys_db_pool_size": 16,
            }
        )

        @DBOS.workflow(name="job")
        async def job(number: int) -> None:
            PROBE.hit()

        self._job = job
        DBOS.listen_queues(list(queues))
        await asyncio.get_running_loop().run_in_executor(ThreadPoolExecutor(1), DBOS.launch)
        await DBOS.register_queue_async(QUEUE, worker_concurrency=self.concurrency, polling_interval_sec=self.poll)
        self._launched = True

    async def enqueue(self, number: int) -> None:
        await DBOS.enqueue_workflow_async(QUEUE, self._job, number)

    async def start_worker(self) -> None:
        await self._launch([QUEUE])

    async def stop_worker(self) -> None:
        """Nothing: the process's end is the worker's."""

    async def unfinished(self) -> int:
        table = "dbos.workflow_status" if self._on_postgres else "workflow_status"
        return int(self._execute(f"SELECT count(*) FROM {table} WHERE status IN ('ENQUEUED', 'PENDING')"))

    def _execute(self, sql: str) -> str:
        if self._on_postgres:
            return postgres.execute(DATABASE, sql)
        connection = sqlite3.connect(self._path, timeout=30)
        with connection:
            row = connection.execute(sql).fetchone()
        connection.close()
        return "" if row is None else str(row[0])
