"""Real processes on the file of a test: how a test starts and steers them, and, as a script, what they do.

A child is told words on its command line, then one command a line on its standard input; it answers each with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
Children = Callable[..., "Child"]


class Child:
    def __init__(self, path: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.sqlite.children", str(path), *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    async def answer(self) -> Any:
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        assert line, f"the child ended with {self.process.wait()}"
        return json.loads(line)

    async def ask(self, *words: str) -> Any:
        self.tell(*words)
        return await self.answer()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As Ctrl-Z does: it is there, and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


# --- in the child --------------------------------------------------------------------------------------------------------


def _say(value: object) -> None:
    print(json.dumps(value), flush=True)


async def _commands(handlers: dict[str, Callable[..., Awaitable[object]]]) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        word, *rest = line.split()
        _say(await handlers[word](*rest))


async def _runner(path: str, runner: str, locks: str = "ofd") -> None:
    """Sign on as this runner; then obey."""
    from asyncjobs.store.base import RunnerInfo
    from asyncjobs.store.sqlite import liveness, store
    from tests.store import acts

    if locks == "lockf":
        liveness._SET = liveness._GET = None
    handle = store.SQLiteStore(path)
    await handle.open()
    info = RunnerInfo(runner, os.getpid(), "here", "0", acts.NOW, {"default": 10}, acts.WORK)
    await handle.register(info, now=acts.NOW)
    _say("ready")

    async def fork() -> int:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, b"here")  # past what is done after a fork
            signal.pause()
        os.read(reading, 4)
        return child

    async def gate() -> bool:
        lock = handle._gate._lock = liveness.Lock(handle._liveness.folder / "write.gate")
        return lock.try_acquire()

    async def put(id: str, queue: str) -> None:
        handle._gate.refresh(now=True)
        await acts.put(handle, id, queue=queue)

    async def alive(who: str) -> bool:
        return handle._liveness.is_alive(who, None)

    async def take() -> list[str]:
        return acts.ids(await acts.take(handle, runner))

    await _commands({"fork": fork, "gate": gate, "put": put, "alive": alive, "take": take})


async def _work(path: str, name: str, seconds: str) -> None:
    """Insert, claim and finish as fast as it goes; tell what was done."""
    from asyncjobs.store.sqlite.store import SQLiteStore
    from tests.store import acts

    store = SQLiteStore(path)
    await store.open()
    await acts.sign_on(store, name)
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    give_up = time.monotonic() + float(seconds)
    inserted: list[str] = []
    claimed: list[tuple[str, int]] = []
    finished: list[str] = []
    worst = 0.0

    async def timed(what: Awaitable[Any]) -> Any:
        nonlocal worst
        begin = time.monotonic()
        value = await what
        worst = max(worst, time.monotonic() - begin)
        return value

    async def produce(producer: int) -> None:
        while time.monotonic() < give_up:
            ids = [f"{name}-{producer}-{len(inserted) + i}" for i in range(3)]
            await timed(acts.put(store, *ids))
            inserted.extend(ids)

    async def consume() -> None:
        while time.monotonic() < give_up:
            jobs = await timed(acts.take(store, name, 10))
            claimed.extend((job.id, job.token) for job in jobs)
            verdicts = await timed(store.finish([acts.success(job) for job in jobs], now=acts.NOW))
            finished.extend(job.id for job, verdict in zip(jobs, verdicts, strict=True) if verdict == "applied")

    await asyncio.gather(produce(1), produce(2), consume())
    await store.retire(name)
    await store.close()
    _say({"inserted": inserted, "claimed": claimed, "finished": finished, "worst": worst})


async def _open(path: str) -> None:
    from asyncjobs.store.sqlite.store import SQLiteStore

    _say("ready")
    sys.stdin.readline()  # so that all begin together
    store = SQLiteStore(path)
    await store.open()
    await store.close()
    _say("opened")


async def _nobody(path: str, warm: str) -> None:
    """Open as a user who owns nothing here; tell the error."""
    from asyncjobs.store.sqlite.store import SQLiteStore

    store = SQLiteStore(warm)  # imports everything: the interpreter itself may be out of reach afterwards
    await store.open()
    await store.close()
    _become_nobody()
    try:
        await SQLiteStore(path).open()
    except Exception as error:
        _say([type(error).__name__, str(error)])
    else:
        _say(["", ""])


def _become_nobody() -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


async def _looker(path: str, warm: str) -> None:
    """Look as such a user; tell the error, or how many jobs are queued and which runners live."""
    from asyncjobs.store.sqlite.store import SQLiteStore
    from tests.store import acts

    own = SQLiteStore(warm)
    await own.open()
    await own.close()
    _become_nobody()
    store = SQLiteStore(path, looks=True)
    try:
        await store.open()
        stats = await store.stats(now=acts.NOW)
    except Exception as error:
        _say([type(error).__name__, str(error)])
    else:
        _say([stats.queues["default"].waiting, {one.info.id: one.alive for one in stats.runners}])


if __name__ == "__main__":
    path, mode, *words = sys.argv[1:]
    asyncio.run({"runner": _runner, "work": _work, "open": _open, "nobody": _nobody, "looker": _looker}[mode](path, *words))
