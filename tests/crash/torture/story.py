"""All the ledgers of a torture as one: lives, attempts, and what was asked, acknowledged and recorded. Times in monotonic ns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.torture.ledger import Line, read
from tests.crash.torture.parent import LEDGER, expected
from tests.crash.torture.windows import Window


@dataclass
class Life:
    """One process. `over_at` is the last moment at which it is known to have lived, `up_at` when its runner was up."""

    slot: int
    number: int
    runner: str | None = None
    up_at: int | None = None
    leaving_at: int | None = None
    over_at: int | None = None
    returncode: int | None = None
    overdue: bool = False
    stops: list[Window] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.slot}.{self.number}"

    @property
    def in_order(self) -> bool:
        return self.returncode == 0

    @property
    def serves_until(self) -> int | None:
        """When it stopped taking work."""
        return self.over_at if self.leaving_at is None else self.leaving_at


@dataclass
class Attempt:
    """`ended_at` is None where its process was gone first."""

    id: str
    token: int
    life: Life
    queue: str
    kind: str
    crashes: int
    true: bool
    began_at: int
    ended_at: int | None = None

    @property
    def until(self) -> int | None:
        """To when it surely ran."""
        return self.life.over_at if self.ended_at is None else self.ended_at


@dataclass(frozen=True, slots=True)
class Recorded:
    """The store has told that this end of an attempt is applied. It was so after `asked_at`; others may have seen it at once."""

    id: str
    token: int
    outcome: str
    to: str
    asked_at: int


@dataclass
class Requeue:
    """`done` is None where no answer came."""

    asked_at: int
    answered_at: int | None = None
    done: bool | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    verb: str
    life: Life
    asked_at: int
    answered_at: int

    @property
    def seconds(self) -> float:
        return (self.answered_at - self.asked_at) / 1e9


@dataclass
class Story:
    lives: list[Life] = field(default_factory=list)
    stamps: dict[str, str] = field(default_factory=dict)  # of what was asked, by id
    acknowledged: dict[str, Life] = field(default_factory=dict)
    turned_away: set[str] = field(default_factory=set)  # refused, and said not to be stored
    unknown: set[str] = field(default_factory=set)  # refused without knowing whether it is stored
    attempts: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))  # by id, in order of time
    claimed: list[tuple[str, int]] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)
    requeues: dict[str, list[Requeue]] = field(default_factory=lambda: defaultdict(list))
    cancels: dict[str, list[str | None]] = field(default_factory=lambda: defaultdict(list))  # answers; None: none came
    cancelled_for_others: int = 0
    commits: list[Commit] = field(default_factory=list)
    complaints: list[tuple[int, Life, str]] = field(default_factory=list)  # what callers were refused, and ill health
    deaths: int = 0
    forks: int = 0

    def life_of(self, runner: str) -> Life | None:
        return self._by_runner.get(runner)

    @property
    def _by_runner(self) -> dict[str, Life]:
        return {life.runner: life for life in self.lives if life.runner is not None}

    @property
    def stops(self) -> list[Window]:
        return [stop for life in self.lives for stop in life.stops]

    @property
    def all_attempts(self) -> list[Attempt]:
        return [attempt for attempts in self.attempts.values() for attempt in attempts]


def tell(folder: Path) -> Story:
    """The story of this folder, once everybody is gone."""
    story = Story()
    lives = _lives(read(folder / LEDGER))
    for life in lives.values():
        path = folder / f"{life.name}.ledger"
        if path.exists():
            _Reading(story, life).take(read(path))
    story.lives = list(lives.values())
    story.deaths = sum(not life.in_order for life in story.lives)
    for attempts in story.attempts.values():
        attempts.sort(key=lambda attempt: attempt.began_at)
    return story


def _lives(lines: Iterable[Line]) -> dict[tuple[int, int], Life]:
    lives: dict[tuple[int, int], Life] = {}
    stopping: dict[tuple[int, int], int] = {}
    for line in lines:
        if line.word == "calm":
            continue
        key = (line.values[0], line.values[1])
        life = lives.setdefault(key, Life(*key))
        match line.word:
            case "killing":
                life.over_at = line.at
            case "gone":
                life.returncode = line.values[2]
                life.over_at = life.over_at or line.at
            case "stopping":
                stopping[key] = line.at
            case "overdue":
                life.overdue = True
        if line.word in ("continued", "gone") and key in stopping:
            life.stops.append((stopping.pop(key), line.at))
    return lives


class _Reading:
    """One life's ledger on its way into the story."""

    def __init__(self, story: Story, life: Life) -> None:
        self._story = story
        self._life = life
        self._open: dict[tuple[str, int], Attempt] = {}

    def take(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._take(line)

    def _take(self, line: Line) -> None:
        story, life = self._story, self._life
        match line.word, line.values:
            case "up", [runner]:
                life.runner, life.up_at = runner, line.at
            case "forked", _:
                story.forks += 1
            case "leaving" | "left", _:
                life.leaving_at = life.leaving_at or line.at
            case "quit", _:
                life.over_at = line.at
            case "asked", [id, stamp]:
                story.stamps[id] = stamp
            case "acknowledged", [ids]:
                story.acknowledged.update(dict.fromkeys(ids, life))
            case "turned-away", [ids]:
                story.turned_away.update(ids)
            case "unknown", [ids, why]:
                story.unknown.update(ids)
                story.complaints.append((line.at, life, why))
            case "refused", [why]:
                story.complaints.append((line.at, life, why))
            case "unwell", [problems]:
                story.complaints.append((line.at, life, str(problems)))
            case "start", [id, token, queue, kind, crashes, true]:
                attempt = Attempt(id, token, life, queue, kind, crashes, true, line.at)
                story.attempts[id].append(attempt)
                self._open[id, token] = attempt
            case "end", [id, token]:
                self._open.pop((id, token)).ended_at = line.at
            case "claimed", [attempts]:
                story.claimed += [(id, token) for id, token in attempts]
            case "recorded", [asked, ends]:
                story.recorded += [Recorded(id, token, outcome, to, asked) for id, token, outcome, to in ends]
            case "commit", [verb, asked]:
                story.commits.append(Commit(verb, life, asked, line.at))
            case "requeuing", [id]:
                story.requeues[id].append(Requeue(line.at))
            case "requeue", [id, asked, done]:
                (requeue,) = (one for one in story.requeues[id] if one.asked_at == asked)
                requeue.answered_at, requeue.done = line.at, done
            case "cancelling", [id]:
                story.cancels[id].append(None)
                story.cancelled_for_others += not id.startswith(f"{life.name}-")
            case "cancel", [id, answer]:
                story.cancels[id].append(answer)
            case _:
                raise ValueError(f"no such line: {line}")


def unexpected(life: Life) -> bool:
    """Whether this process ended in a way that nobody has brought about."""
    killed = life.returncode is not None and life.returncode < 0
    return life.returncode is None or not (expected(life.returncode) or (killed and life.up_at is None))
