"""What the killed processes were told and did, outside of the database: one record a line, appended.

A write that returned survives SIGKILL. One that was cut short can leave the beginning of a record, which is none: each ends
with its mark, and begins on a line of its own.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asyncjobs.job import Job
from asyncjobs.outcome import Finish

FILE = "ledger.txt"
END = " ;"


# --- writing, in the processes that are killed and in the one that kills them -------------------------------------------


class Ledger:
    """Appends; usable from any thread."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, *words: object) -> None:
        os.write(self._descriptor, f"\n{' '.join(map(str, words))}{END}\n".encode())

    def up(self, life: int, runner: str, slots: int, stood: int) -> None:
        """This process is about to serve: so many jobs stood running under dead runners then."""
        self._write("U", life, os.getpid(), runner, slots, stood, time.monotonic_ns())

    def over(self, life: int, how: str) -> None:
        """Written by the parent, once the process is gone. how: killed, stopped."""
        self._write("Z", life, how, time.monotonic_ns())

    def asked(self, ids: Sequence[str]) -> None:
        """These are enqueued now, in one batch."""
        self._write("E", *ids)

    def acknowledged(self, ids: Sequence[str]) -> None:
        self._write("A", *ids)

    def anew(self, id: str) -> None:
        """An id that had been acknowledged was asked for again, and the store took it for new."""
        self._write("N", id)

    def cancel_asked(self, id: str) -> None:
        self._write("X", id)

    def cancel_answered(self, id: str, answer: str) -> None:
        self._write("C", id, answer)

    def discarded(self, id: str) -> None:
        """This one is cancelled as of long ago, so that the next pruning may take it."""
        self._write("V", id)

    def requeue_asked(self, id: str) -> None:
        self._write("Q", id)

    def requeue_answered(self, id: str, done: bool) -> None:
        self._write("R", id, int(done))

    def started(self, job: Job) -> None:
        """The first line of an attempt."""
        self._write("S", *_attempt(job), os.getpid(), time.monotonic_ns())

    def ended(self, job: Job, how: str) -> None:
        """The last line of an attempt's body. how: ok, failed, snoozed, quit, stopped."""
        self._write("F", job.id, job.token, how, time.monotonic_ns())

    def recorded(self, ends: Iterable[tuple[Job, Finish]]) -> None:
        """The store has told that these are applied."""
        text = "".join(f"\nD {_words(_attempt(job))} {finish.outcome} {finish.to}{END}\n" for job, finish in ends)
        os.write(self._descriptor, text.encode())


def _attempt(job: Job) -> tuple[str, int, str, int, int]:
    return job.id, job.token, str(job.runner), job.attempt, job.started_at or 0


def _words(values: Iterable[object]) -> str:
    return " ".join(map(str, values))


# --- reading, when everything is over -------------------------------------------------------------------------------------


@dataclass
class Life:
    """One process: `runner` and what follows are known once it was up, `over_at` once it was gone. Times in ns."""

    number: int
    runner: str | None = None
    slots: int = 0
    stood: int = 0
    up_at: int | None = None
    how: str = ""
    over_at: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as the store's records have it, too: by runner, number, and when it was claimed (ms)."""

    id: str
    token: int
    runner: str
    number: int
    started_at: int


@dataclass(frozen=True, slots=True)
class Start:
    attempt: Attempt
    pid: int
    at: int  # ns


@dataclass(frozen=True, slots=True)
class Recorded:
    attempt: Attempt
    outcome: str
    to: str


@dataclass
class Story:
    """Everything that the ledger tells, by job id where it is of one job."""

    lives: dict[int, Life] = field(default_factory=dict)
    batches: list[tuple[str, ...]] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    anew: list[str] = field(default_factory=list)
    cancels: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # answers; an empty set: asked only
    discarded: set[str] = field(default_factory=set)
    requeues: dict[str, list[bool | None]] = field(default_factory=lambda: defaultdict(list))  # None: asked only
    starts: dict[str, list[Start]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[tuple[str, int], list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    records: dict[str, list[Recorded]] = field(default_factory=lambda: defaultdict(list))
    by_runner: dict[str, Life] = field(default_factory=dict)
    torn: int = 0

    @property
    def asked(self) -> set[str]:
        return {id for batch in self.batches for id in batch}

    def life_of(self, runner: str) -> Life | None:
        """The process that this runner was, if it came up."""
        return self.by_runner.get(runner)


def read(folder: Path) -> Story:
    """The ledger of this folder."""
    story = Story()
    for words in _lines(folder / FILE, story):
        _take(story, *words)
    return story


def _lines(path: Path, story: Story) -> Iterator[list[str]]:
    with path.open() as file:
        for line in file:
            if line == "\n":
                continue
            if line.endswith(END + "\n"):
                yield line.split()[:-1]
            else:
                story.torn += 1


def _take(story: Story, word: str, *rest: str) -> None:
    match word, *rest:
        case "E", *ids:
            story.batches.append(tuple(ids))
        case "A", *ids:
            story.acknowledged.update(ids)
        case "S", id, token, runner, number, started_at, pid, at:
            attempt = Attempt(id, int(token), runner, int(number), int(started_at))
            story.starts[id].append(Start(attempt, int(pid), int(at)))
        case "F", id, token, how, at:
            story.ends[id, int(token)].append((how, int(at)))
        case "D", id, token, runner, number, started_at, outcome, to:
            attempt = Attempt(id, int(token), runner, int(number), int(started_at))
            story.records[id].append(Recorded(attempt, outcome, to))
        case "U", number, _, runner, slots, stood, at:
            life = story.lives.setdefault(int(number), Life(int(number)))
            story.by_runner[runner] = life
            life.runner, life.slots, life.stood, life.up_at = runner, int(slots), int(stood), int(at)
        case "Z", number, how, at:
            life = story.lives.setdefault(int(number), Life(int(number)))
            life.how, life.over_at = how, int(at)
        case "N", id:
            story.anew.append(id)
        case "X", id:
            story.cancels[id] |= set()
        case "C", id, answer:
            story.cancels[id].add(answer)
        case "V", id:
            story.discarded.add(id)
        case "Q", id:
            story.requeues[id].append(None)
        case "R", id, done:
            story.requeues[id][-1] = done == "1"
        case _:
            raise ValueError(f"no such record: {word} {rest}")
