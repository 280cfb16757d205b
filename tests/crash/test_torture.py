"""Several processes at odds with everything on one file: a selection of the torture, its canaries, and whether its judge can see.

The whole of it: `python -m tests.crash.torture --seconds 600`.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from asyncjobs.clock import SystemClock
from asyncjobs.job import State
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Claim, RunnerInfo
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.crash.torture import campaign, canaries, ledger, resets, times
from tests.crash.torture.child import DATABASE, ledger_of
from tests.crash.torture.judge import judge, look
from tests.crash.torture.parent import LEDGER
from tests.crash.torture.story import tell
from tests.crash.torture.tasks import RESERVED, stamp_of
from tests.store.acts import new

SECONDS = 12.0
SEED = "20261124"


def test_four_processes_at_odds_break_no_promise() -> None:
    result = campaign.run(SEED, 4, SECONDS)
    print(result)
    assert not result.faults
    assert not result.too_little


# --- canaries ------------------------------------------------------------------------------------------------------------


def test_a_lock_that_forked_children_keep_is_seen() -> None:
    canary = canaries.flock(SEED)
    print(canary)
    assert canary.passed, canary.what


def test_a_lock_that_a_look_drops_is_seen() -> None:
    canary = canaries.lockf(SEED)
    print(canary)
    assert canary.passed, canary.what


@pytest.mark.parametrize(
    ("version", "vulnerable"),
    [((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False), ((3, 50, 4), True), ((3, 50, 7), False), ((3, 51, 2), True),
     ((3, 51, 3), False), ((3, 52, 0), False)],
)  # fmt: skip
def test_which_sqlite_has_the_wal_reset_race(version: tuple[int, int, int], vulnerable: bool) -> None:
    assert resets.is_vulnerable(version) is vulnerable


# --- the judge -----------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """A little torture that never was, all of it as it should be: doctored, its judge must say so."""

    folder: Path
    tokens: dict[str, int]

    @property
    def promises(self) -> set[str]:
        """Those that the judge finds broken."""
        story, database = tell(self.folder), look(self.folder / DATABASE)
        takeovers = times.takeovers(story, database.jobs, 0)
        return {fault.promise for fault in [*judge(story, database), *times.in_time(story, times.commits(story), takeovers)]}

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder / DATABASE)) as connection, connection:
            assert connection.execute(statement).rowcount > 0

    def say(self, slot: int, word: str, at: int, *values: object) -> None:
        """A line in this process's ledger; -1 is the parent."""
        path = self.folder / LEDGER if slot < 0 else ledger_of(self.folder, slot, 0)
        with path.open("a") as file:
            file.write(json.dumps([word, at, *values]) + "\n")

    def unsay(self, slot: int, word: str) -> None:
        path = ledger_of(self.folder, slot, 0)
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)[0] != word]
        assert len(kept) < len(lines)
        path.write_text("".join(kept))


SECOND = 1_000_000_000


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Two processes. The first runs `a`, and is killed while it runs `b`, which the second takes over after 1.2 s."""
    case = Case(tmp_path, {})
    asyncio.run(_live(case))
    for slot in (0, 1):
        case.say(-1, "started", 0, slot, 0, 1000 + slot)
        case.say(slot, "up", 1 * SECOND, f"r{slot}")
    for id in "ab":
        case.say(0, "asked", 2 * SECOND, id, _stamp(id))
    case.say(0, "acknowledged", 2 * SECOND, ["a", "b"])
    case.say(0, "commit", 2 * SECOND, "insert", 2 * SECOND - 1_000_000)
    case.say(1, "commit", 2 * SECOND, "beat", 2 * SECOND - 1_000_000)
    _start(case, 0, "a", case.tokens["a"], 3 * SECOND)
    _start(case, 0, "b", case.tokens["b"], 3 * SECOND)
    case.say(0, "end", 4 * SECOND, "a", case.tokens["a"])
    case.say(0, "recorded", 4 * SECOND, 4 * SECOND, [["a", case.tokens["a"], "succeeded", "succeeded"]])
    case.say(-1, "killing", 5 * SECOND, 0, 0)
    case.say(-1, "gone", 5 * SECOND, 0, 0, -9)
    _start(case, 1, "b", case.tokens["b again"], 62 * SECOND // 10, crashes=1)
    case.say(1, "end", 7 * SECOND, "b", case.tokens["b again"])
    case.say(1, "recorded", 7 * SECOND, 7 * SECOND, [["b", case.tokens["b"], "lost", "queued"]])
    case.say(1, "recorded", 7 * SECOND, 7 * SECOND, [["b", case.tokens["b again"], "succeeded", "succeeded"]])
    case.say(1, "leaving", 8 * SECOND)
    case.say(-1, "gone", 9 * SECOND, 1, 0, 0)
    return case


async def _live(case: Case) -> None:
    """What the store was told of all this."""
    store, now = SQLiteStore(case.folder / DATABASE), SystemClock().now()
    await store.open()
    jobs = [
        new(id, queue=RESERVED, run_at=now, args=json.dumps({"args": [], "kwargs": {**_arguments, "stamp": _stamp(id)}}))
        for id in "ab"
    ]
    await store.insert(jobs, now=now)

    async def claim(runner: str) -> dict[str, int]:
        await store.register(RunnerInfo(runner, 1, "here", "0", now), now=now)
        claimed = await store.claim(Claim(runner, {RESERVED: 9}, frozenset({"work"})), now=now)
        return {job.id: job.token for job in claimed.jobs}

    case.tokens |= await claim("r0")
    ends = [
        _success("a", case.tokens["a"]),
        Finish("b", case.tokens["b"], "lost", State.QUEUED, run_at=now, give_back=True, crashes=1),
    ]
    await store.finish(ends, now=now)
    case.tokens["b again"] = (await claim("r1"))["b"]
    await store.finish([_success("b", case.tokens["b again"])], now=now)
    await store.close()


_arguments = {"kind": "long", "seconds": 1.0, "padding": ""}


def _stamp(id: str) -> str:
    return stamp_of(id, "long", 1.0, "")


def _success(id: str, token: int) -> Finish:
    return Finish(id, token, "succeeded", State.SUCCEEDED, result=json.dumps(_stamp(id)))


def _start(case: Case, slot: int, id: str, token: int, at: int, crashes: int = 0) -> None:
    case.say(slot, "start", at, id, token, RESERVED, "long", crashes, True)


def test_a_story_in_which_all_is_well_is_not_condemned(case: Case) -> None:
    assert case.promises == set()


Doctor = Callable[[Case], None]


_POISON = json.dumps({"args": [], "kwargs": {**_arguments, "kind": "poison", "stamp": stamp_of("a", "poison", 1.0, "")}})


_LOCKED = "jobs.db: the database is locked by another program (database is locked)"


def _stop(case: Case, *seconds: tuple[float, float]) -> None:
    """The second process, from and to these."""
    for begin, end in seconds:
        case.say(-1, "stopping", round(begin * SECOND), 1, 0)
        case.say(-1, "continued", round(end * SECOND), 1, 0)


def _refused_beside_a_stop(case: Case) -> None:
    """A stop is shorter than anybody waits for the lock."""
    _stop(case, (2.0, 4.5))
    case.say(1, "refused", 5 * SECOND, _LOCKED)


def _refused_otherwise_beside_stops(case: Case) -> None:
    _stop(case, (0.5, 3.0), (3.0, 5.5))
    case.say(1, "refused", 6 * SECOND, "jobs.db: the disk reports an I/O error (disk I/O error)")


def _one_start_more(case: Case) -> None:
    case.sql("UPDATE counters SET n = n + 1 WHERE key = 'total_started'")
    case.sql("UPDATE history SET n = n + 1 WHERE metric = 'started'")


DOCTORED: dict[str, tuple[str, Doctor]] = {
    "an acknowledged job is missing": ("lost", lambda c: c.sql("DELETE FROM jobs WHERE id = 'a'")),
    "a job that nobody asked for": ("nobody's", lambda c: c.unsay(0, "asked")),
    "a job whose caller was told that it is not stored": ("turned away", lambda c: c.say(0, "turned-away", 2 * SECOND, ["a"])),
    "the arguments of another job": ("content", lambda c: c.sql("UPDATE jobs SET args = (SELECT args FROM jobs WHERE id = 'b') WHERE id = 'a'")),
    "whole arguments, but not those that were enqueued": ("content", lambda c: c.say(0, "asked", 3 * SECOND, "a", "another stamp")),
    "another result": ("content", lambda c: c.sql("UPDATE jobs SET result = '\"x\"' WHERE id = 'a'")),
    "an attempt that read nonsense": ("content", lambda c: c.say(1, "start", 75 * SECOND // 10, "a", 1 << 40, RESERVED, "long", 0, False)),
    "a job that never ended": ("unfinished", lambda c: c.sql("UPDATE jobs SET state = 1, finished_at = NULL WHERE id = 'a'")),
    "an end that its kind does not have": ("end", lambda c: c.sql("UPDATE jobs SET state = 3 WHERE id = 'a'")),
    "a row that fell back behind what was recorded": ("stale", lambda c: c.sql("UPDATE jobs SET token = 1 WHERE id = 'a'")),
    "a row that fell back behind what was claimed": ("stale", lambda c: c.say(1, "claimed", 7 * SECOND, [["a", 1 << 50]])),
    "a job blamed for what it did not do": ("blamed", lambda c: c.sql("UPDATE jobs SET state = 3, error = '[\"KilledItsProcess\",\"\",\"\"]' WHERE id = 'a'")),
    "a second start under one token": ("started twice", lambda c: _start(c, 1, "a", c.tokens["a"], 6 * SECOND)),
    "a token handed out twice": ("claimed twice", lambda c: c.say(1, "claimed", 7 * SECOND, [["a", c.tokens["a"]]] * 2)),
    "an attempt that begins while another runs": ("overlap", lambda c: _start(c, 1, "a", 1 << 40, 35 * SECOND // 10)),
    "a token that does not grow": ("token", lambda c: _start(c, 1, "a", 1, 75 * SECOND // 10)),
    "a recorded success that runs again": ("run again", lambda c: _start(c, 1, "a", 1 << 40, 75 * SECOND // 10)),
    "a living process whose job was called lost": ("robbed", lambda c: c.say(-1, "gone", 5 * SECOND, 0, 0, 0)),
    "a job given back by who was not leaving": ("given back", lambda c: c.sql("UPDATE jobs SET attempts = replace(attempts, 'lost', 'released') WHERE id = 'b'")),
    "an end that was told, and is in no row": ("records", lambda c: c.sql("UPDATE jobs SET attempts = NULL WHERE id = 'a'")),
    "an end in a row that nobody was told": ("records", lambda c: c.unsay(1, "recorded")),
    "a counter that is off by one": ("counters", lambda c: c.sql("UPDATE counters SET n = n + 1 WHERE key = 'succeeded'")),
    "a total that is off by one": ("counters", lambda c: c.sql("UPDATE counters SET n = n + 1 WHERE key = 'total_started'")),
    "a start too many in counters and history alike": ("counters", _one_start_more),
    "an attempt too many": ("numbers", lambda c: c.sql("UPDATE jobs SET attempt = attempt + 1 WHERE id = 'b'")),
    "a crash too many": ("numbers", lambda c: c.sql("UPDATE jobs SET crashes = 1 WHERE id = 'b'")),
    "an attempt with another's number": ("numbers", lambda c: c.sql("UPDATE jobs SET attempts = replace(attempts, '[1,', '[2,') WHERE id = 'b'")),
    "history that lacks something": ("counters", lambda c: c.sql("DELETE FROM history WHERE metric = 'lost'")),
    "a process that died of itself": ("died", lambda c: c.say(-1, "gone", 9 * SECOND, 1, 0, 1)),
    "a process that did not leave in time": ("overdue", lambda c: c.say(-1, "overdue", 9 * SECOND, 1, 0)),
    "an attempt left behind in order": ("left behind", lambda c: c.unsay(1, "end")),
    "a caller who was refused": ("complaint", lambda c: c.say(1, "refused", 5 * SECOND, "locked")),
    "a caller who was refused the lock beside one stop": ("complaint", _refused_beside_a_stop),
    "a caller who was refused for another reason beside stops": ("complaint", _refused_otherwise_beside_stops),
    "a poison job that failed of something else": ("end", lambda c: c.sql(f"UPDATE jobs SET state = 3, args = '{_POISON}' WHERE id = 'a'")),
    "a commit of six seconds": ("latency", lambda c: c.say(1, "commit", 9 * SECOND, "insert", 3 * SECOND)),
    "a process that got nothing done": ("starved", lambda c: c.unsay(1, "commit")),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCTORED)
def test_what_is_doctored_is_condemned(case: Case, name: str) -> None:
    promise, doctor = DOCTORED[name]
    doctor(case)
    assert promise in case.promises


@pytest.mark.parametrize(("slot", "condemned"), [(1, False), (0, True)])
def test_a_read_that_took_too_long_is_excused_only_for_who_was_stopped(case: Case, slot: int, condemned: bool) -> None:
    _stop(case, (2.0, 4.5))
    case.say(slot, "refused", 46 * SECOND // 10, "jobs.db: the read took too long (interrupted)")
    assert ("complaint" in case.promises) is condemned


@pytest.mark.parametrize(("until", "condemned"), [(4.9, False), (4.5, True)])
def test_who_left_while_another_was_stopped_may_have_left_its_ends_to_be_found(case: Case, until: float, condemned: bool) -> None:
    """The first process leaves instead of being killed; `b` ends in it and is never recorded."""
    case.say(-1, "gone", 5 * SECOND, 0, 0, 0)
    case.say(0, "leaving", 35 * SECOND // 10)
    case.say(0, "end", 4 * SECOND, "b", case.tokens["b"])
    _stop(case, (3.8, until))
    assert ("robbed" in case.promises) is condemned


@pytest.mark.parametrize(("until", "condemned"), [(8.9, False), (8.4, True)])
def test_who_left_while_another_was_stopped_may_not_have_been_told_of_its_ends(case: Case, until: float, condemned: bool) -> None:
    case.unsay(1, "recorded")
    case.say(1, "recorded", 7 * SECOND, 7 * SECOND, [["b", case.tokens["b"], "lost", "queued"]])
    case.say(-1, "stopping", 75 * SECOND // 10, 0, 0)
    case.say(-1, "continued", round(until * SECOND), 0, 0)
    assert ("records" in case.promises) is condemned


def test_a_lock_that_is_refused_is_excused_after_stops_in_a_row(case: Case) -> None:
    _stop(case, (0.5, 3.0), (3.0, 5.5))
    case.say(1, "refused", 55 * SECOND // 10, _LOCKED)
    assert "complaint" not in case.promises


def test_a_job_is_blamed_for_three_deaths_only_when_it_was_alone_at_the_last(case: Case) -> None:
    lost = [1, "lost", "r0", 1, 1, None]
    case.sql(
        f"UPDATE jobs SET state = 3, error = '[\"KilledItsProcess\",\"\",\"\"]', attempts = '{json.dumps([lost] * 3)}' WHERE id = 'a'"
    )
    assert "blamed" in case.promises  # beside `b`
    case.say(0, "end", 45 * SECOND // 10, "b", case.tokens["b"])
    assert "blamed" not in case.promises


def test_a_damaged_file_is_condemned(case: Case) -> None:
    with (case.folder / DATABASE).open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096)
    assert "integrity" in case.promises


def test_a_late_take_over_is_condemned(case: Case) -> None:
    _take_over_later(case)
    assert "take-over" in case.promises


def test_a_late_take_over_is_excused_while_the_taker_was_stopped(case: Case) -> None:
    _take_over_later(case)
    case.say(-1, "started", 0, 2, 0, 1002)
    case.say(2, "up", 1 * SECOND, "r2")
    case.say(-1, "gone", 9 * SECOND, 2, 0, 0)
    case.say(2, "commit", 2 * SECOND, "beat", 2 * SECOND - 1_000_000)
    case.say(-1, "stopping", 6 * SECOND, 1, 0)
    case.say(-1, "continued", 7 * SECOND, 1, 0)
    assert "take-over" not in case.promises


def _take_over_later(case: Case) -> None:
    """After 2.5 s instead of 1.2."""
    case.unsay(1, "start")
    case.unsay(1, "end")
    _start(case, 1, "b", case.tokens["b again"], 75 * SECOND // 10, crashes=1)
    case.say(1, "end", 76 * SECOND // 10, "b", case.tokens["b again"])


def test_a_line_that_a_kill_cut_short_was_not_said(tmp_path: Path) -> None:
    path = tmp_path / "a.ledger"
    book = ledger.Ledger(path)
    book.write("whole", 1)
    book.close()
    with path.open("a") as file:
        file.write('["cut",12')
    assert [line.word for line in ledger.read(path)] == ["whole"]


def test_a_result_that_proves_too_little_does_not_pass() -> None:
    commits = times.Commits(times.Distribution.of([]), times.Distribution.of([]), 0.0, 1.0)
    nothing = campaign.Result("0", 4, 10.0, dict.fromkeys(campaign.ENOUGH, 0), [], commits, [])
    assert not nothing.passed
    assert nothing.too_little.keys() == campaign.ENOUGH.keys()
