"""What the app's own process does to itself on request: steps of the clock, limits, failing parts, forks."""

from __future__ import annotations

import asyncio
import errno
import importlib
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from asyncjobs import Jobs
from asyncjobs.clock import SystemClock
from asyncjobs.runner.dispatcher import Dispatcher
from asyncjobs.runner.janitor import Janitor
from asyncjobs.runner.ledger import Ledger as Outcomes
from asyncjobs.runner.pulse import Pulse
from asyncjobs.store.sqlite import schema
from asyncjobs.store.sqlite.siblings import Waker
from asyncjobs.store.sqlite.store import SQLiteStore
from asyncjobs.store.sqlite.watching import Watch
from tests.crash.server import Ledger
from tests.store.sqlite import inside

_prepare = schema.prepare

SMALL = 4 << 20  # bytes
ANSWERED = 0.2  # seconds, in which the request that asked for it has its answer
DESCRIPTORS = 256  # that this process may have while it runs out of them: few, so that using them up is quick

# Each of the runner's loops, by one method that it calls in every turn.
STEPS: Mapping[str, tuple[type[Any], str]] = {
    "dispatcher": (Dispatcher, "_wants"),
    "ledger": (Outcomes, "_write"),
    "pulse": (Pulse, "beat"),
    "janitor": (Janitor, "replay"),
    "prune": (Janitor, "prune"),
    "watch": (Watch, "__anext__"),
}


class SteppedClock(SystemClock):
    """The wall clock may be set; monotonic time goes on, as it does when an administrator, or NTP, sets the time."""

    def __init__(self, *, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def now(self) -> int:
        return super().now() + round(self.seconds * 1000)


def fill(folder: Path) -> None:
    """Until no byte fits any more. Only a disk that is known to be small."""
    disk = os.statvfs(folder)
    assert disk.f_blocks * disk.f_frsize <= SMALL, f"{folder} is not on a small disk"
    with open(folder / "ballast", "ab", buffering=0) as ballast:
        for size in (1 << 16, 4096, 1):
            with suppress(OSError):
                while ballast.write(b"x" * size) == size:
                    pass


def refuse_to_open() -> None:
    """As on a full disk, from before the store is opened until `unlimit_file`."""

    def prepare(connection: sqlite3.Connection, path: str) -> None:
        raise inside.failure(sqlite3.SQLITE_FULL)

    schema.prepare = prepare


def set_constants(values: Mapping[str, Any]) -> None:
    """`package.module.NAME` → value, in the module that uses it: so that a test needn't wait as long as users should."""
    for path, value in values.items():
        module, _, name = path.rpartition(".")
        used_in = importlib.import_module(module)
        assert hasattr(used_in, name), f"{path} is not there any more"
        setattr(used_in, name, tuple(value) if isinstance(value, list) else value)


class Controls:
    """One public method for each thing that can be asked for, by name."""

    def __init__(self, jobs: Jobs, clock: SteppedClock, ledger: Ledger) -> None:
        self._jobs = jobs
        self._clock = clock
        self._ledger = ledger
        self._taken: list[int] = []  # descriptors
        self._crashes: dict[str, int] = {}  # part → how often it will still crash

    def do(self, what: str, **options: Any) -> Any:
        return getattr(self, what)(**options)

    # --- time

    def step_clock(self, seconds: float) -> None:
        self._clock.seconds += seconds

    # --- disk

    def fill_disk(self, folder: str) -> None:
        fill(Path(folder))

    def free_disk(self, folder: str) -> None:
        (Path(folder) / "ballast").unlink()

    async def limit_file(self) -> None:
        """The database may not grow any more: SQLite says what it says on a full disk. (It takes no less than the file has.)"""
        await inside.pragma(self._store, "max_page_count = 1")

    async def unlimit_file(self) -> None:
        schema.prepare = _prepare
        if self._store._writer is not None:
            await inside.pragma(self._store, "max_page_count = 1000000")

    def limit_files(self) -> None:
        """No file may grow past the size that the log has now: writes fail, as they do on a disk that fails.

        Python ignores the signal that comes with it, so that the write itself reports the error.
        """
        size = os.stat(f"{self._store.path}-wal").st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    def unlimit_files(self) -> None:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    def open(self, mode: str) -> None:
        """From now on the writer's connection is opened so: "rw", or "ro"."""
        assert self._store._writer is not None
        hopper = self._store._writer._hopper
        hopper._database = f"{hopper._database.rpartition('=')[0]}={mode}"

    # --- the runner

    def crash(self, part: str, times: int) -> None:
        """Let the next steps of this loop raise, what no step should."""
        owner, method = STEPS[part]
        really: Callable[..., Any] = getattr(owner, method)
        self._crashes[part] = times

        def step(*args: Any) -> Any:
            if self._crashes[part]:
                self._crashes[part] -= 1
                raise RuntimeError(f"{part} was made to crash")
            return really(*args)

        setattr(owner, method, step)

    def left_to_crash(self, part: str) -> int:
        return self._crashes[part]

    def poke_watch(self) -> None:
        """As a sibling does that has enqueued."""
        waker = Waker(Path(self._store.path + ".runners"))
        try:
            waker.tell([self._runner], ["default"])
        finally:
            waker.close()

    # --- the process

    def stop_with_the_lock(self) -> None:
        """Stand still in the middle of a transaction, as SIGSTOP in the wrong moment does, until somebody continues us."""

        def stop(_: object) -> None:
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(ANSWERED)  # this thread may stop a moment later, and is not to commit in it

        asyncio.get_running_loop().call_later(ANSWERED, inside.submit, self._store, stop)

    def use_up_descriptors(self) -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        try:
            while True:
                self._taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
        return len(self._taken)

    def give_descriptors_back(self) -> None:
        while self._taken:
            os.close(self._taken.pop())

    def fork(self) -> int:
        """A child that lives on until it is killed; the number of its process."""
        child = os.fork()
        if child == 0:
            self._ledger.write("forked", os.getpid())
            while True:
                signal.pause()
        return child

    def fork_and_enqueue(self) -> int:
        """A child that tries, on a loop of its own and from a thread's side, and writes down what it was told."""
        child = os.fork()
        if child == 0:
            try:
                self._ledger.write("told", _told(lambda: asyncio.run(_enqueue(self._jobs))))
                self._ledger.write("told", _told(lambda: self._jobs.from_thread.enqueue("work")))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        return child

    @property
    def _store(self) -> SQLiteStore:
        store = self._jobs._store
        assert isinstance(store, SQLiteStore)
        return store

    @property
    def _runner(self) -> str:
        life = self._jobs._life
        assert life is not None
        assert life.runner is not None
        return life.runner.info.id


async def _enqueue(jobs: Jobs) -> None:
    await jobs.enqueue("work")


def _told(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "nothing"
