"""Kill after kill in one folder, a restart after each, and a drain at the end; what the judge says is not decided here."""

from __future__ import annotations

import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.kills.gauge import CALLERS
from tests.crash.kills.ledger import Ledger
from tests.crash.kills.life import WITHIN, Failed, Life
from tests.crash.kills.order import Order
from tests.crash.kills.points import MIDWAY, Arm, Phase

REACH = 30.0  # seconds within which an armed point must be reached
STOP = 0.6  # seconds that a shutdown has which is killed
VICTIMS = 2
TRIES = 3  # of a kill that did not meet the full load, before it counts as a failure
DRAIN = 60.0  # seconds
ENDED_WELL = (0, signal.SIGTERM)  # uvicorn raises the signal again that it has obeyed


@dataclass
class Tally:
    """What happened, apart from what the judge finds. failures: sentences; each makes the campaign fail."""

    random_kills: int = 0
    point_kills: Counter[str] = field(default_factory=Counter)
    poisoned: int = 0  # deaths by a job's own hand
    preparing: int = 0  # kills that only prepared another: they count for nothing
    missed: int = 0  # kills at which the load was not full, and which were repeated
    failures: list[str] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)  # of the slots that were busy, at each kill under load
    callers: list[int] = field(default_factory=list)  # that waited, at each kill under load
    first_answer: float = 0.0  # worst, s
    drained: float = 0.0  # s

    @property
    def kills(self) -> int:
        return self.random_kills + self.point_kills.total() + self.poisoned + self.preparing


class Campaign:
    """In one folder. seed: of all moments and of each life's load. window: seconds of full load within which a random kill
    falls. echo, canary: see Order."""

    def __init__(
        self, folder: Path, seed: int, *, window: float, echo: bool = False, canary: str = "", say: Callable[[str], None] = print
    ) -> None:
        self.folder = folder
        self.tally = Tally()
        self._seed = seed
        self._chance = random.Random(seed)
        self._window = window
        self._echo = echo
        self._canary = canary
        self._say = say
        self._life = 0
        self._ledger = Ledger(folder)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)

    def close(self) -> None:
        self._ledger.close()
        self._listener.close()

    def run(self, random_kills: int, arms: Sequence[Arm], poison: int) -> None:
        """All of these, mixed by the seed; then the drain. Raises Failed when a life does not do what it must."""
        for kill in self._mixed(random_kills, arms):
            self._repeat(kill)
        if poison:
            self._poison(poison)
        self._drain()

    def _mixed(self, random_kills: int, arms: Sequence[Arm]) -> list[Arm | None]:
        """None is a kill at random. A kill during the start comes after one under load, which leaves something to replay."""
        under_load: list[Arm | None] = [None] * random_kills
        under_load += [arm for arm in arms if arm.point.phase in (Phase.LOAD, Phase.REOPEN)]
        self._chance.shuffle(under_load)
        starts = [arm for arm in arms if arm.point.phase is Phase.START]
        self._chance.shuffle(starts)
        others = [arm for arm in arms if arm.point.phase in (Phase.ALONE, Phase.STOP)]
        self._chance.shuffle(others)
        if len(starts) > len(under_load):
            raise ValueError(f"{len(starts)} kills during the start need as many under load before them, not {len(under_load)}")
        mixed: list[Arm | None] = []
        for position, kill in enumerate(under_load):
            mixed.append(kill)
            mixed += starts[position : position + 1]
            mixed += others[position : position + 1]
        return mixed + list(others[len(under_load) :])

    def _repeat(self, arm: Arm | None) -> None:
        """Until the load was full at the kill: it may change in the last microseconds, in which nobody looks."""
        for _ in range(TRIES):
            if self._kill_at_random() if arm is None else self._kill_at(arm):
                return
            self.tally.missed += 1
        self._fail(f"{arm.point.name if arm else 'random kill'}: the load was not full at {TRIES} kills")

    # --- the kinds of kill; each tells whether it met what it was for, or has failed for good ---

    def _kill_at_random(self) -> bool:
        with self._living() as life:
            life.ask("POST", "/begin")
            life.wait_until_full()
            life.kill(self._chance, self._window)
            full = self._was_full(life)
            self.tally.random_kills += full
            return full

    def _kill_at(self, arm: Arm) -> bool:
        match arm.point.phase:
            case Phase.START:
                return self._kill_at_start(arm)
            case Phase.LOAD:
                return self._kill_under_load(arm, self._was_full)
            case Phase.REOPEN:
                return self._kill_under_load(arm, _had_callers)
            case Phase.ALONE:
                return self._kill_a_suspect(arm)
            case Phase.STOP:
                return self._kill_at_stop(arm)

    def _kill_at_start(self, arm: Arm) -> bool:
        with self._living(arm=arm) as life:
            return self._must_die(life)

    def _kill_under_load(self, arm: Arm, met: Callable[[Life], bool]) -> bool:
        with self._living(arm=arm) as life:
            life.ask("POST", "/begin")
            return self._must_die(life, met)

    def _kill_a_suspect(self, arm: Arm) -> bool:
        """Two lives are killed under the same jobs, which are lone suspects then."""
        for victims in (VICTIMS, 0):
            with self._living(victims=victims) as life:
                life.ask("POST", "/begin")
                life.wait_until(lambda life=life: life.gauge.get("victims") >= VICTIMS, "the victims run")  # type: ignore[misc]
                life.end()
                self.tally.preparing += 1
        with self._living(arm=arm) as life:
            life.ask("POST", "/begin")
            return self._must_die(life, _had_callers)

    def _kill_at_stop(self, arm: Arm) -> bool:
        with self._living(arm=arm, stubborn=arm.point.stubborn, shutdown_timeout=STOP) as life:
            life.ask("POST", "/begin")
            life.wait_until_full()
            life.terminate()
            return self._must_die(life)

    def _poison(self, count: int) -> None:
        """Jobs that kill their process, under load, until none of them runs any more."""
        waiting, poison = True, count
        while waiting:
            with self._living(poison=poison) as life:
                life.ask("POST", "/begin")
                if not life.wait_dead(self._poison_patience(poison)):
                    waiting = False
                    life.kill(self._chance, 0.0)
                    self.tally.preparing += 1
                elif life.ended_by == signal.SIGKILL:
                    self.tally.poisoned += 1
                else:
                    raise Failed(f"life {life.order.life} ended with {life.ended_by}: {life.log()}")
            poison = 0
            if self.tally.poisoned > 3 * count:
                self._fail(f"{count} poison jobs have killed {self.tally.poisoned} processes: none is to kill more than three")
                waiting = False

    @staticmethod
    def _poison_patience(fresh: int) -> float:
        """Seconds: how long a life without a death must be for no poison job to be left. The longest wait of a lone
        suspect is inside.CRASH_DELAYS, and the runner's own quiet."""
        return WITHIN if fresh else 3.0

    # --- the end ---

    def _drain(self) -> None:
        """Let everything come to its end, then stop in good order."""
        began = time.monotonic()
        with self._living() as life:
            while (left := life.ask("GET", "/left")) != {"jobs": 0, "runners": 0}:
                if time.monotonic() - began > DRAIN:
                    self._fail(f"not drained in {DRAIN:g} s: {left}")
                    break
                time.sleep(0.05)  # another process's progress is asked for again
            life.terminate()
            life.wait_dead(WITHIN)
            if life.ended_by not in ENDED_WELL:
                self._fail(f"the last life did not stop in good order ({life.ended_by}): {life.log()}")
        self.tally.drained = time.monotonic() - began

    # --- what they share ---

    @contextmanager
    def _living(self, **order: object) -> Iterator[Life]:
        self._life += 1
        life = Life(
            Order(self.folder, self._life, self._seed, echo=self._echo, canary=self._canary, **order),  # type: ignore[arg-type]
            self._listener,
        )
        try:
            yield life
        finally:
            life.close()
            self._ledger.over(life.order.life, "stopped" if life.ended_by in ENDED_WELL else "killed")
            if life.first_answer is not None:
                self.tally.first_answer = max(self.tally.first_answer, life.first_answer)

    def _must_die(self, life: Life, met: Callable[[Life], bool] = lambda _: True) -> bool:
        """At the point that it is armed for. False when the load was not `met` then; what else goes wrong is a failure."""
        arm = life.order.arm
        assert arm is not None
        if not life.wait_dead(REACH):
            self._fail(
                f"{arm.point.name}: point never reached (passing {life.gauge.get('passings')} of {arm.passing}), {life.gauge.load}: {life.log()}"
            )
        elif not life.gauge.get("point") or (arm.point == MIDWAY and not life.gauge.get("inside")):
            self._fail(f"{arm.point.name}: the process ended otherwise ({life.ended_by}): {life.log()}")
        elif not met(life):
            return False
        else:
            self.tally.point_kills[arm.point.name] += 1
        return True

    def _was_full(self, life: Life) -> bool:
        load = life.gauge.load
        if not load.full:
            return False
        self.tally.shares.append(load.share)
        self.tally.callers.append(load.callers)
        return True

    def _fail(self, sentence: str) -> None:
        self.tally.failures.append(sentence)
        self._say(f"FAILED: {sentence}")


def _had_callers(life: Life) -> bool:
    return life.gauge.load.callers >= CALLERS
