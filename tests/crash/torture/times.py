"""How long things took: commits, take-overs, and whether everybody got their share. Seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asyncjobs.job import Job
from asyncjobs.outcome import CRASH_DELAYS, MAX_CRASHES
from tests.crash.torture.judge import Fault
from tests.crash.torture.story import Attempt, Commit, Life, Story
from tests.crash.torture.tasks import RESERVED, RESERVED_SLOTS
from tests.crash.torture.windows import Window, Windows

WORST_COMMIT = 2.0  # the worst of seven tortures, some beside a busy core, was 0.7 (2026-11-25, two cores)
WORST_TAKEOVER = 2.0
STOOD_STILL = 0.25  # a commit that took so long beside a stopped process waited for that one's lock
FAIR = 0.4  # of the mean: what a process gets done at least, while it lives; 0.77 was the least seen, in a scene of seconds


@dataclass(frozen=True, slots=True)
class Distribution:
    """Of so many durations."""

    count: int
    p50: float
    p99: float
    p999: float
    worst: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Distribution:
        ordered = sorted(seconds)
        if not ordered:
            return cls(0, 0.0, 0.0, 0.0, 0.0)
        p50, p99, p999 = (round(ordered[int(len(ordered) * part)], 4) for part in (0.5, 0.99, 0.999))
        return cls(len(ordered), p50, p99, p999, round(ordered[-1], 4))

    def __str__(self) -> str:
        return f"{self.count}: p50 {self.p50:.3f}, p99 {self.p99:.3f}, p99.9 {self.p999:.3f}, worst {self.worst:.3f} s"


# --- commits -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Commits:
    """undisturbed: nobody was stopped and the own loop not blocked while they lasted. all: the others as well.

    worst: of all, the longest without the time in which somebody was stopped, and may have held the write lock.
    least: the share of the mean rate that the process had which had the smallest.
    """

    undisturbed: Distribution
    all: Distribution
    worst: float
    least: float


def commits(story: Story) -> Commits:
    stops, blocked = Windows(story.stops), _blocked(story)
    undisturbed = [c.seconds for c in story.commits if not _disturbed(c, stops, blocked[c.life.name])]
    worst = max((c.seconds - stops.cover(c.asked_at, c.answered_at) / 1e9 for c in story.commits), default=0.0)
    everything, least = Distribution.of(commit.seconds for commit in story.commits), min(_shares(story).values(), default=1.0)
    return Commits(Distribution.of(undisturbed), everything, round(worst, 4), round(least, 3))


def _disturbed(commit: Commit, stops: Windows, blocked: Windows) -> bool:
    return stops.cover(commit.asked_at, commit.answered_at) > 0 or blocked.cover(commit.asked_at, commit.answered_at) > 0


def _blocked(story: Story) -> Mapping[str, Windows]:
    """When the loop of each life was blocked by a job."""
    found: defaultdict[str, list[Window]] = defaultdict(list)
    for attempt in story.all_attempts:
        if attempt.kind == "blocks" and attempt.until is not None:
            found[attempt.life.name].append((attempt.began_at, attempt.until))
    return defaultdict(lambda: Windows(()), {name: Windows(windows) for name, windows in found.items()})


# --- take-overs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TakeOver:
    """From a process's death to the first line of its job's next attempt elsewhere.

    seconds: as it was. excused: of them, when the fault was not the library's to mend (see `Excuses`).
    """

    id: str
    dead: Life
    taker: Life
    seconds: float
    excused: float

    @property
    def net(self) -> float:
        return self.seconds - self.excused

    @property
    def measured(self) -> bool:
        """Whether it shows anything: no more than half of it is excused."""
        return self.excused <= self.seconds / 2


class Excuses:
    """When a take-over could not go on, through no fault of the library's.

    Commits stood still because a process was stopped that held the write lock; the process that had claimed the job was stopped,
    or its loop blocked by a job, before the first line; so was the loop of everybody who could have claimed it; or everybody
    kept quiet for a job that must run alone.
    """

    def __init__(self, story: Story, jobs: Mapping[str, Job], wall: int) -> None:
        stops = Windows(story.stops)
        slow = [(c.asked_at, c.answered_at) for c in story.commits if c.seconds > STOOD_STILL]
        self._everywhere = Windows([*_quiet(jobs, wall), *(commit for commit in slow if stops.cover(*commit))])
        self._blocked = _blocked(story)

    def within(self, begin: int, end: int, taker: Life, survivors: Sequence[Life]) -> int:
        """How much of this stretch, ns."""
        everybody = _all_at_once([self._blocked[life.name] for life in survivors], begin, end)
        each = (self._everywhere, Windows(taker.stops), self._blocked[taker.name])
        return Windows([window for windows in each for window in windows.within(begin, end)] + everybody).cover(begin, end)


def takeovers(story: Story, jobs: Mapping[str, Job], wall: int) -> list[TakeOver]:
    """Of the reserved queue's jobs that lost their process for the first time, while somebody else lived who was not stopped.

    `wall`: ns to add to the monotonic clock for the wall's. That the queue has free slots throughout is `crowded`'s to show.
    """
    excuses = Excuses(story, jobs, wall)
    found = []
    for attempts in story.attempts.values():
        for before, after in pairwise(attempts):
            death = before.life.over_at
            if before.queue != RESERVED or before.ended_at is not None or death is None or before.life.in_order:
                continue
            survivors = [life for life in story.lives if _lives_through(life, death, after.began_at)]
            if before.crashes or after.crashes != 1 or not survivors:
                continue
            excused = excuses.within(death, after.began_at, after.life, survivors)
            found.append(TakeOver(before.id, before.life, after.life, (after.began_at - death) / 1e9, excused / 1e9))
    return found


def _lives_through(life: Life, begin: int, end: int) -> bool:
    """Whether it took work throughout, and was not stopped."""
    up = life.up_at is not None and life.up_at < begin and life.serves_until is not None and life.serves_until > end
    return up and not Windows(life.stops).cover(begin, end)


def _all_at_once(each: Sequence[Windows], begin: int, end: int) -> list[Window]:
    """When all of them were covered."""
    first, *others = each
    common = first.within(begin, end)
    for windows in others:
        common = [both for part in common for both in windows.within(*part)]
    return common


def _quiet(jobs: Mapping[str, Job], wall: int) -> list[Window]:
    """When a job was due that must run alone, so that runners stopped claiming for it; until its attempt had ended."""
    windows = []
    for job in jobs.values():
        in_a_row = 0
        for record, following in pairwise([*job.attempts, None]):
            assert record is not None
            in_a_row = in_a_row + 1 if record.outcome == "lost" else 0
            if in_a_row >= MAX_CRASHES - 1:
                begin = record.ended_at + CRASH_DELAYS[-1] * 1000
                end = following.ended_at if following is not None else job.finished_at
                if end is not None and end > begin:
                    windows.append((round(begin * 1_000_000) - wall, (end + 1) * 1_000_000 - wall))
    return windows


# --- judgement -----------------------------------------------------------------------------------------------------------


def in_time(story: Story, commits: Commits, takeovers: Sequence[TakeOver]) -> list[Fault]:
    """What took too long, or was had by too few."""
    faults = [
        Fault(
            "take-over",
            f"{t.id} of {t.dead.name} began in {t.taker.name} after {t.seconds:.2f} s, {t.excused:.2f} of them excused",
        )
        for t in takeovers
        if t.net >= WORST_TAKEOVER
    ]
    if commits.worst > WORST_COMMIT:
        faults.append(Fault("latency", f"a commit took {commits.worst:.2f} s while nobody was stopped"))
    return [*faults, *crowded(story.all_attempts), *starved(story)]


def crowded(attempts: Iterable[Attempt]) -> list[Fault]:
    """The reserved queue must always have had a free slot in every process, or take-overs were not measured fairly."""
    changes: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for attempt in attempts:
        if attempt.queue == RESERVED:
            changes[attempt.life.name].append((attempt.began_at, 1))
            if attempt.ended_at is not None:
                changes[attempt.life.name].append((attempt.ended_at, -1))
    faults = []
    for name, moments in changes.items():
        busy = most = 0
        for _, change in sorted(moments):
            busy += change
            most = max(most, busy)
        if most >= RESERVED_SLOTS:
            faults.append(Fault("unfair", f"{name} had all {RESERVED_SLOTS} slots of the reserved queue taken"))
    return faults


def starved(story: Story) -> list[Fault]:
    """Nobody gets next to nothing done while the others do."""
    return [
        Fault("starved", f"process {slot} got {share:.0%} of the mean of commits a second done")
        for slot, share in _shares(story).items()
        if share < FAIR
    ]


def _shares(story: Story) -> dict[int, float]:
    """Commits a second that each process got done, while it lived and was not stopped, over the mean of all."""
    done = Counter(commit.life.slot for commit in story.commits)
    lived: defaultdict[int, float] = defaultdict(float)
    for life in story.lives:
        if life.up_at is not None and life.over_at is not None:
            lived[life.slot] += (life.over_at - life.up_at - Windows(life.stops).cover(life.up_at, life.over_at)) / 1e9
    rates = {slot: done[slot] / seconds for slot, seconds in lived.items() if seconds > 0}
    mean = sum(rates.values()) / max(len(rates), 1)
    return {slot: rate / mean for slot, rate in rates.items()} if mean else {}
