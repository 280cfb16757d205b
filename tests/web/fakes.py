"""A Jobs made of values: what the pages read, laid out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asyncjobs.clock import SystemClock
from asyncjobs.diagnose import Finding, Rule, Severity
from asyncjobs.explain import Explanation
from asyncjobs.job import Job, NewJob, Policy, State
from asyncjobs.queue import Limits, Queue
from asyncjobs.schedule import Schedule
from asyncjobs.stats import Durations, Minute, ProcessSnapshot, QueueSnapshot, Snapshot, TaskSnapshot
from asyncjobs.store.base import Act, Cancellation, FailureGroup, HistoryBucket, Page, Storage
from asyncjobs.vitals import DeclaredTask

AS_OF = 1_795_548_031_042  # 24 November 2026, 19:20:31.042 UTC


def durations(histogram: Mapping[int, int] | None = None) -> Durations:
    """Bucket → count."""
    return Durations.of([histogram or {}])


def minutes(*ended: tuple[int, int]) -> list[Minute]:
    """The last hour; (succeeded, failures) of its last minutes, before which nothing ended."""
    last = AS_OF - AS_OF % 60_000
    every = [(0, 0)] * (60 - len(ended)) + list(ended)
    return [Minute(last - 60_000 * (59 - place), *one) for place, one in enumerate(every)]


def a_queue(name: str = "default", **numbers: Any) -> QueueSnapshot:
    """A queue that has finished one job, unless told otherwise."""
    given: dict[str, Any] = {
        "name": name, "waiting": 0, "waiting_more": False, "running": 0, "scheduled": 0, "scheduled_more": False,
        "retrying": 0, "held": 0, "pause": None, "limits": Limits(), "slots": 10, "enqueued": 1, "processed": 1, "succeeded": 1, "failures": 0,
        "failed": 0, "cancelled": 0, "latency": 0.0, "wait": durations({0: 1}), "run": durations({3: 1}), "minutes": minutes(),
    }  # fmt: skip
    return QueueSnapshot(**{**given, **numbers})


def a_process(**facts: Any) -> ProcessSnapshot:
    given: dict[str, Any] = {
        "id": "01890000-0000-7000-8000-000000000001", "pid": 4412, "host": "shop-1", "version": "0.1.0",
        "started_at": AS_OF - 3_600_000, "alive": True, "this": True, "slots": {"default": 10}, "busy": {},
    }  # fmt: skip
    return ProcessSnapshot(**{**given, **facts})


def a_schedule(name: str = "nightly", **facts: Any) -> Schedule:
    job = NewJob("", "reports.build", "mail", 0)
    return Schedule(
        **{
            "name": name,
            "when": "cron Europe/Berlin 0 9 * * mon-fri",
            "job": job,
            "next_at": AS_OF + 60_000,
            "version": 1,
            **facts,
        }
    )


def a_finding(sentence: str = "mail is falling behind.", **facts: Any) -> Finding:
    given: dict[str, Any] = {
        "rule": Rule.TOO_FEW_SLOTS, "severity": Severity.WARN, "queue": "mail", "sentence": sentence, "evidence": {"needs": 7, "oldest": 90.5},
    }  # fmt: skip
    return Finding(**{**given, **facts})


def a_group(task: str = "sync_crm", error: str = "ConnectionError", **facts: Any) -> FailureGroup:
    given: dict[str, Any] = {"count": 28, "first_at": AS_OF - 60_000, "last_at": AS_OF, "message": "crm: connection refused"}
    return FailureGroup(task, error, **{**given, **facts})


def a_snapshot(*queues: QueueSnapshot, **facts: Any) -> Snapshot:
    problems = facts.pop("problems", {})
    given: dict[str, Any] = {
        "as_of": AS_OF, "version": "0.1.0", "healthy": not problems, "problems": problems, "queues": queues,
        "processes": (a_process(),),
    }  # fmt: skip
    return Snapshot(**{**given, **facts})


def a_task(name: str = "send_email", **facts: Any) -> TaskSnapshot:
    given: dict[str, Any] = {
        "declared": DeclaredTask("mail", 8, 30.0), "alive": True, "pause": None, "unknown": 0, "started": 12, "succeeded": 9, "failures": 3,
        "failed": 1, "wait": durations({2: 12}), "run": durations({5: 12}),
    }  # fmt: skip
    return TaskSnapshot(name, **{**given, **facts})


class FakeSource:
    """Answers with `answer` and with `jobs`, or raises the answer. `reads` counts the calls; `asked` is what was asked of a list last."""

    def __init__(self, answer: Snapshot | Exception | None = None, *, jobs: Sequence[Job] = (), started: bool = True) -> None:
        self.answer: Snapshot | Exception = a_snapshot(a_queue()) if answer is None else answer
        self.jobs = jobs
        self.why: Explanation | None = None
        self.here: dict[str, str] = {}  # where jobs are that run here
        self.next: str | None = None
        self.problems: Mapping[str, str] = {}
        self.started = started
        self.reads = 0
        self.stored = Storage("SQLite 3.40.1", "/srv/jobs.db", 15, 48 << 20, 1 << 20, 4 << 20, 9 << 30)
        self.faults: Sequence[str] = ()
        self.match = 1  # jobs that where() finds
        self.asked: dict[str, Any] = {}
        self.called: list[tuple[Any, ...]] = []  # verbs that act, with what they were given
        self.recorded: list[tuple[str, str, str, int]] = []
        self.refuses: Exception | None = None  # raised by verbs that act
        self.past: Sequence[HistoryBucket] | Exception = ()
        self.histories: list[tuple[float, float]] = []  # what was asked of the history: since, step
        self.forgets: Exception | None = None  # raised when an act is to be written down
        self.schedules = FakeSchedules(self)

    def _read(self) -> Snapshot:
        self.reads += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def stats(self) -> Snapshot:
        return self._read()

    async def history(self, *, since: float, step: float) -> Sequence[HistoryBucket]:
        self.histories.append((since, step))
        if isinstance(self.past, Exception):
            raise self.past
        return self.past

    async def list(self, **asked: Any) -> Page:
        self._read()
        self.asked = asked
        return Page(self.jobs, self.next)

    async def get(self, id: str) -> Job | None:
        self._read()
        return next((job for job in self.jobs if job.id == id), None)

    async def explain(self, id: str) -> Explanation | None:
        self._read()
        return self.why

    def whereabouts(self, id: str) -> str | None:
        return self.here.get(id)

    def call(self, *given: Any) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.called.append(given)

    async def retry(self, ids: Sequence[str]) -> Mapping[str, bool]:
        self.call("retry", ids)
        return dict.fromkeys(ids, True)

    async def cancel(self, ids: Sequence[str]) -> Mapping[str, Cancellation]:
        self.call("cancel", ids)
        return dict.fromkeys(ids, Cancellation.REQUESTED)

    async def discard(self, ids: Sequence[str]) -> Mapping[str, bool]:
        self.call("discard", ids)
        return dict.fromkeys(ids, True)

    def where(self, *, state: str, queue: str | None, task: str | None, error: str | None, **more: Any) -> FakeSelection:
        self.asked = more
        return FakeSelection(self, ("where", state, queue, task, error))

    async def pause(self, queue: str | None = None, *, task: str | None = None, by: str, why: str) -> None:
        self.call("pause", queue or task, by, why)

    async def resume(self, queue: str | None = None, *, task: str | None = None) -> None:
        self.call("resume", queue, task)

    async def storage(self) -> Storage:
        self._read()
        return self.stored

    async def check(self) -> Sequence[str]:
        self.call("check")
        return self.faults

    async def backup(self) -> str:
        self.call("backup")
        return "/srv/jobs.db.backup"

    async def acts(self, limit: int) -> Sequence[Act]:
        self._read()
        return [Act(AS_OF, *act) for act in self.recorded][:limit]

    def look_up(self) -> None:
        if self.refuses is not None:
            raise self.refuses

    def limits(self, queue: str) -> Queue:
        self.look_up()
        return Queue(5, rate="10/s", global_limit=7)

    async def set_limits(self, queue: str, limits: Queue | None, *, keep: bool = False) -> None:
        self.call("set_limits", queue, limits, keep)

    async def record_act(self, who: str, verb: str, target: str, count: int) -> None:
        if self.forgets is not None:
            raise self.forgets
        self.recorded.append((who, verb, target, count))


class FakeSelection:
    """One job that matches, or so many as the source says."""

    def __init__(self, source: FakeSource, asked: tuple[Any, ...]) -> None:
        self._source, self._asked = source, asked

    async def ids(self, *, most: int) -> Sequence[str]:
        return [f"j{n}" for n in range(min(self._source.match, most))]

    async def retry(self, *, spread: float, most: int) -> int:
        self._source.call(*self._asked, "retry", spread)
        return 1

    async def cancel(self, *, most: int) -> int:
        self._source.call(*self._asked, "cancel")
        return 1

    async def discard(self, *, most: int) -> int:
        self._source.call(*self._asked, "discard")
        return 1


class FakeSchedules:
    def __init__(self, source: FakeSource) -> None:
        self._source = source

    async def pause(self, name: str, *, by: str, why: str) -> None:
        self._source.call("schedules.pause", name, by, why)

    async def resume(self, name: str) -> None:
        self._source.call("schedules.resume", name)

    async def get(self, name: str) -> Schedule:
        self._source.look_up()
        return a_schedule(name) if name != "often" else a_schedule(name, when="every 90500", jitter=2.5)

    async def edit(self, name: str, **given: Any) -> None:
        self._source.call("schedules.edit", name, given)

    async def run_now(self, name: str) -> None:
        self._source.call("schedules.run_now", name)


class FakeWatch(SystemClock):
    """A clock at AS_OF, whose other one moves when told."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 1000.0

    def now(self) -> int:
        return AS_OF

    def monotonic(self) -> float:
        return self.seconds


def a_job(id: str = "01890000-0000-7000-8000-00000000000a", **facts: Any) -> Job:
    given: dict[str, Any] = {
        "name": "send_email", "queue": "mail", "state": State.QUEUED, "args": '{"args":[],"kwargs":{"to":"ada@example.org"}}',
        "meta": "{}", "priority": 1, "policy": Policy(max_attempts=8), "survives": "power", "enqueued_at": AS_OF - 60_000,
        "scheduled_at": AS_OF - 60_000, "run_at": AS_OF - 60_000,
    }  # fmt: skip
    return Job(id, **{**given, **facts})
