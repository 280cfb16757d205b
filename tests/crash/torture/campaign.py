"""One torture, from the first start to the verdict."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.torture import times
from tests.crash.torture.child import DATABASE
from tests.crash.torture.judge import Fault, judge, look
from tests.crash.torture.parent import LOG, Parent
from tests.crash.torture.story import Story, tell
from tests.crash.torture.times import Commits, Distribution, TakeOver

DRAIN = 90.0  # seconds; a job that has crashed twice waits ten, and then for an idle process
RARE_FROM = 60.0  # seconds of torture from which on there are jobs that kill their process again and again
SHOWN = 20  # faults that are printed

# What a second of torture must at least have brought about for the whole to prove anything: far less than it does
# on a machine that is busy with something else.
ENOUGH = {
    "acknowledged": 20.0, "attempts": 20.0, "deaths": 0.15, "stops": 0.05, "takeovers that were measured": 0.05, "cancels": 0.3,
    "requeues": 0.2,
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    seed: str
    processes: int
    seconds: float
    counts: Mapping[str, int]
    faults: list[Fault]
    commits: Commits
    takeovers: list[TakeOver]

    @property
    def too_little(self) -> dict[str, int]:
        return {what: self.counts[what] for what, rate in ENOUGH.items() if self.counts[what] < max(rate * self.seconds, 1)}

    @property
    def passed(self) -> bool:
        return not self.faults and not self.too_little

    @property
    def promises(self) -> Counter[str]:
        """How often each was broken."""
        return Counter(fault.promise for fault in self.faults)

    @property
    def undisturbed(self) -> Distribution:
        """Of take-overs with nothing to excuse."""
        return Distribution.of(takeover.seconds for takeover in self.takeovers if not takeover.excused)

    @property
    def net(self) -> Distribution:
        """Of all of them, less what is excused: what is judged. It may lie below the second that every such job waits."""
        return Distribution.of(takeover.net for takeover in self.takeovers)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {what}" for what, count in self.counts.items())
        lines = [
            *map(str, self.faults[:SHOWN]),
            *([f"... and {len(self.faults) - SHOWN} more: {dict(self.promises)}"] if len(self.faults) > SHOWN else []),
            *([f"too little to prove anything: {self.too_little}"] if self.too_little else []),
            f"commits, undisturbed     {self.commits.undisturbed}",
            f"commits, all             {self.commits.all}",
            f"  less the stops         worst {self.commits.worst:.3f} s; the least share of a process {self.commits.least:.0%}",
            f"take-overs, undisturbed  {self.undisturbed}",
            f"take-overs, all          {Distribution.of(takeover.seconds for takeover in self.takeovers)}",
            f"  less what is excused   {self.net}",
            f"seed {self.seed}: {self.processes} processes, {self.seconds:.0f} s: {counts}; {self.promises['lost']} lost, "
            f"{self.promises['started twice'] + self.promises['overlap']} run twice, {len(self.faults)} promises broken",
        ]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed, "processes": self.processes, "seconds": self.seconds, "passed": self.passed,
            "counts": dict(self.counts), "faults": dict(self.promises), "too_little": self.too_little,
            "commits": dataclasses.asdict(self.commits), "takeovers": dataclasses.asdict(self.undisturbed),
            "takeovers_net": dataclasses.asdict(self.net),
        }  # fmt: skip


def run(seed: str, processes: int, seconds: float) -> Result:
    """Torture so many processes for so long, let them drain, and judge."""
    options = ("--deadly", "--rare") if seconds >= RARE_FROM else ("--deadly",)
    with tempfile.TemporaryDirectory(prefix="asyncjobs-torture-") as folder:
        parent = Parent(Path(folder), processes, seed, options)
        return judge_folder(Path(folder), parent, lambda parent: parent.torture(seconds), DRAIN)


def judge_folder(folder: Path, parent: Parent, act: Callable[[Parent], None], drain: float) -> Result:
    """Let the parent act in its folder, then drain; nobody is left. What became of it."""
    began = time.monotonic()
    try:
        act(parent)
        seconds = time.monotonic() - began
        drained = parent.drain(drain)
        parent.part()
        wall = time.time_ns() - time.monotonic_ns()
        story, database = tell(folder), look(folder / DATABASE)
    finally:
        parent.end()
    commits, takeovers = times.commits(story), times.takeovers(story, database.jobs, wall)
    faults = judge(story, database) + times.in_time(story, commits, takeovers)
    if not drained:
        faults.append(Fault("drain", f"not everything had ended {drain:g} s after the end of the load"))
    if any(fault.promise in ("died", "overdue", "complaint") for fault in faults):
        faults.append(Fault("log", (folder / LOG).read_text(errors="replace")[-3000:]))
    return Result(parent.seed, parent.count, seconds, _counts(story, takeovers), faults, commits, takeovers)


def _counts(story: Story, takeovers: list[TakeOver]) -> dict[str, int]:
    attempts = story.all_attempts
    stops = [(life, begin, end) for life in story.lives for begin, end in life.stops]
    held = sum(
        attempt.life is life and attempt.began_at < begin and (attempt.until or 0) > end
        for life, begin, end in stops
        for attempt in attempts
    )
    return {
        "acknowledged": len(story.acknowledged),
        "attempts": len(attempts),
        "deaths": story.deaths,
        "in the middle of an attempt": sum(attempt.ended_at is None and not attempt.life.in_order for attempt in attempts),
        "takeovers": len(takeovers),
        "takeovers that were measured": sum(takeover.measured for takeover in takeovers),
        "stops": len(stops),
        "attempts over a stop": held,
        "departures": sum(life.in_order for life in story.lives),
        "cancels": sum(answer is not None for answers in story.cancels.values() for answer in answers),
        "cancels of others' jobs": story.cancelled_for_others,
        "requeues": sum(requeue.done is True for requeues in story.requeues.values() for requeue in requeues),
        "forks": story.forks,
    }
