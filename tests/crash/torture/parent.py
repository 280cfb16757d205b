"""The one who starts, kills, stops, sends away and brings back; at random moments, by seed, and with a ledger of its own."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.crash.torture import ledger as ledgers
from tests.crash.torture.actors import CALM
from tests.crash.torture.child import DATABASE, SHUTDOWN, ledger_of
from tests.crash.torture.tasks import LONG, QUIT, RESERVED

LEDGER = "parent.ledger"
LOG = "children.log"
ROOT = Path(__file__).resolve().parents[3]
CLEAN = 2.0  # seconds after the first death; a take-over lasts less
GAP = 0.9  # seconds between two acts, in the mean
AWAY = 1.0  # seconds that one who died stays away, at most
LONGEST_STOP = 2.5  # seconds; below SQLite's busy timeout, so that a stopped holder of its lock makes nobody fail
POLL = 0.01
COMING = 30.0  # seconds that a process has to come up, on a machine that is busy with something else


@dataclass(slots=True)
class Slot:
    """One of the processes, over all its lives. Times in monotonic seconds."""

    number: int
    life: int = -1
    process: subprocess.Popen[bytes] | None = None
    back_at: float = 0.0  # while there is no process
    continue_at: float | None = None  # while it is stopped
    leaving: bool = False

    @property
    def steady(self) -> bool:
        return self.process is not None and self.continue_at is None and not self.leaving


class Parent:
    """Owns the processes of one torture."""

    def __init__(self, folder: Path, count: int, seed: str, options: tuple[str, ...] = ()) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self.seed = seed
        self.count = count
        self._options = options
        self._slots = [Slot(number) for number in range(count)]
        self._ledger = ledgers.Ledger(folder / LEDGER)

    # --- the whole

    def torture(self, seconds: float) -> None:
        """Everybody at odds with everything for so long. It begins with one clean death, for a take-over to be seen in any case."""
        self.bring_up()
        over = time.monotonic() + seconds
        self.kill_within_a_long(0)
        self.let_work(CLEAN)
        act_at = 0.0
        while (now := time.monotonic()) < over:
            self._tend(now)
            if now >= act_at:
                self._act(now)
                act_at = now + self._chance.expovariate(1 / GAP)
            time.sleep(POLL)

    def bring_up(self) -> None:
        """Everybody is up."""
        self._wait_until(lambda: all(map(self._is_up, self._slots)))

    def let_work(self, seconds: float) -> None:
        """Nothing happens to anybody for so long."""
        over = time.monotonic() + seconds
        self._wait_until(lambda: time.monotonic() > over)

    def kill_within_a_long(self, number: int) -> None:
        """Kill this one while it surely runs a job of the reserved queue."""
        slot = self._slots[number]
        self._wait_until(lambda: self._runs_a_long(slot) and self._runs_a_long_stopped(slot))
        self._kill(slot, time.monotonic())

    def _runs_a_long_stopped(self, slot: Slot) -> bool:
        """Stop this one, so that it can't end what it runs before it is killed; it goes on if that is no such job any more."""
        assert slot.process is not None
        slot.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, slot.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        still = self._runs_a_long(slot)
        if not still:
            slot.process.send_signal(signal.SIGCONT)
        return still

    def _runs_a_long(self, slot: Slot) -> bool:
        """By its ledger, a job of the reserved queue has begun and not ended."""
        if slot.process is None or not self._is_up(slot):
            return False
        lines = list(ledgers.read(self._ledger_of(slot)))
        begun = {tuple(line.values[:2]) for line in lines if line.word == "start" and line.values[2:4] == [RESERVED, LONG]}
        return bool(begun - {tuple(line.values) for line in lines if line.word == "end"})

    def _wait_until(self, predicate: Callable[[], bool]) -> None:
        give_up = time.monotonic() + COMING
        while not predicate():
            if time.monotonic() > give_up:
                raise TimeoutError(f"not within {COMING:g} s; the children's log:\n{(self._folder / LOG).read_text()[-3000:]}")
            self._tend(time.monotonic())
            time.sleep(POLL)

    def drain(self, within: float) -> bool:
        """No more load; everybody comes back, and the jobs run out. Whether they did."""
        (self._folder / CALM).touch()
        self._ledger.write("calm")
        give_up = time.monotonic() + within
        while (now := time.monotonic()) < give_up:
            for slot in self._slots:
                if slot.continue_at is not None:
                    slot.continue_at = now
            self._tend(now)
            if all(map(self._is_up, self._slots)) and self._open_jobs() == 0:
                return True
            time.sleep(0.1)
        return False

    def part(self) -> None:
        """One after the other leaves in order."""
        for slot in self._slots:
            if slot.process is None or slot.process.poll() is not None:
                self._bury_if_dead(slot, time.monotonic())
                continue
            self._leave(slot)
            self._wait_gone(slot)

    def end(self) -> None:
        """Nobody stays, whatever has happened: processes, and what they have forked."""
        for slot in self._slots:
            if slot.process is not None and slot.process.poll() is None:
                slot.process.kill()
                slot.process.wait()
        for path in self._folder.glob("*.ledger"):
            for line in ledgers.read(path):
                if line.word == "forked" and _is_ours(line.values[0], self._folder):
                    os.kill(line.values[0], signal.SIGKILL)
        self._ledger.close()

    # --- what is due

    def _tend(self, now: float) -> None:
        """Bring back who is due, continue who is due, and notice who is gone."""
        for slot in self._slots:
            self._bury_if_dead(slot, now)
            if slot.process is None and now >= slot.back_at:
                self._start(slot)
            elif slot.continue_at is not None and now >= slot.continue_at:
                self._continue(slot)

    def _act(self, now: float) -> None:
        """One blow. One of them is always left alone, except when all are killed at once."""
        steady = [slot for slot in self._slots if slot.steady]
        if len(steady) < 2:
            return
        slot = self._chance.choice(steady)
        (act,) = self._chance.choices(("kill", "stop", "leave", "kill all"), (5, 4, 2, 0.3))
        match act:
            case "kill":
                self._kill(slot, now)
            case "stop":
                self._stop(slot, now)
            case "leave":
                self._leave(slot)
            case "kill all":
                for one in self._slots:
                    if one.process is not None:
                        self._kill(one, now)

    # --- blows

    def _start(self, slot: Slot) -> None:
        slot.life += 1
        slot.leaving = False
        words = [str(self._folder), str(slot.number), str(slot.life), self.seed, *self._options]
        with (self._folder / LOG).open("ab") as log:
            command = [sys.executable, "-m", "tests.crash.torture.child", *words]
            slot.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._ledger.write("started", slot.number, slot.life, slot.process.pid)

    def _kill(self, slot: Slot, now: float) -> None:
        assert slot.process is not None
        if slot.process.poll() is not None:  # it was faster
            self._bury_if_dead(slot, now)
            return
        self._ledger.write("killing", slot.number, slot.life)
        slot.process.kill()
        slot.process.wait()
        self._bury_if_dead(slot, now)

    def _stop(self, slot: Slot, now: float) -> None:
        assert slot.process is not None
        if slot.process.poll() is None:
            self._ledger.write("stopping", slot.number, slot.life)
            slot.process.send_signal(signal.SIGSTOP)
            slot.continue_at = now + self._chance.uniform(0.2, LONGEST_STOP)

    def _continue(self, slot: Slot) -> None:
        assert slot.process is not None
        slot.continue_at = None
        slot.process.send_signal(signal.SIGCONT)
        self._ledger.write("continued", slot.number, slot.life)

    def _leave(self, slot: Slot) -> None:
        assert slot.process is not None
        slot.leaving = True
        self._ledger.write("sent-away", slot.number, slot.life)
        slot.process.terminate()

    def _bury_if_dead(self, slot: Slot, now: float) -> None:
        if slot.process is None or slot.process.poll() is None:
            return
        self._ledger.write("gone", slot.number, slot.life, slot.process.returncode)
        slot.process, slot.continue_at = None, None
        slot.back_at = now + self._chance.uniform(0.0, AWAY)

    def _wait_gone(self, slot: Slot) -> None:
        assert slot.process is not None
        try:
            slot.process.wait(SHUTDOWN + 5)
        except subprocess.TimeoutExpired:
            self._ledger.write("overdue", slot.number, slot.life)
            slot.process.kill()
            slot.process.wait()
        self._bury_if_dead(slot, time.monotonic())

    # --- looking

    def _is_up(self, slot: Slot) -> bool:
        return slot.process is not None and ledgers.mentions(self._ledger_of(slot), '["up",')

    def _ledger_of(self, slot: Slot) -> Path:
        return ledger_of(self._folder, slot.number, slot.life)

    def _open_jobs(self) -> int:
        """This process has no other connection to the file, so opening it takes nobody's locks away."""
        with closing(sqlite3.connect(f"file:{self._folder / DATABASE}?mode=ro", uri=True, timeout=5)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM jobs WHERE state < 2").fetchone()
            return int(count)


def expected(returncode: int) -> bool:
    """Whether a process may end so: in order, killed, or by one of its jobs."""
    return returncode in (0, -signal.SIGKILL, QUIT)


def _is_ours(pid: int, folder: Path) -> bool:
    """A forked child has its parent's command line; the number alone may be another's by now."""
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
