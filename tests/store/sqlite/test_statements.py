"""Every statement that depends on the number of jobs finds its rows through an index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asyncjobs.job import Hold, Policy, Progress, State
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.schedule import Fire
from asyncjobs.store.base import HOUR, MINUTES_KEPT, Act, Claim, Condition, JobQuery
from asyncjobs.store.sqlite import claiming, schema
from asyncjobs.store.sqlite import connection as connecting
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import (
    MINUTE,
    NOW,
    WORK,
    claim,
    claim_alone,
    end,
    fires_at,
    put,
    retry,
    run,
    scheduled,
    sign_on,
    success,
    take,
)

PRIMARY = "INTEGER PRIMARY KEY"
IDS = "sqlite_autoindex_jobs_1"
INDEX = {
    "JOB_BY_ID": IDS,
    "SEQ_AND_JOB": IDS,
    "BELOW": PRIMARY,
    "AHEAD": "jobs_claimable",
    "KEY_RUNS": "jobs_keyed",
    "KEY_DUE": "jobs_keyed",
    "RUNNING_IN": "jobs_running",
    "SUCCEEDING": IDS,
    "WHEN_INSERTED": IDS,
    "TAKEN": IDS,
    "TO_CANCEL": IDS,
    "NOTE": IDS,
    "ABANDON": IDS,
    "HOLDER": "jobs_unique",
    "CLAIMABLE": "jobs_claimable",
    "CLAIMABLE_BUT": "jobs_claimable",
    "OLDEST": "jobs_claimable",
    "SCHEDULED": "jobs_claimable",
    "DUE": "jobs_claimable",
    "MAKE_DUE": "jobs_claimable",
    "START": PRIMARY,
    "STARTED": PRIMARY,
    "STARTED_LARGE": PRIMARY,
    "SUCCEED": PRIMARY,
    "HOLD": PRIMARY,
    "LET_GO": PRIMARY,
    "REPLACE": PRIMARY,
    "WAITING_HOLDER": "jobs_unique",
    "FINISH": PRIMARY,
    "CANCEL_QUEUED": PRIMARY,
    "CANCEL_RUNNING": PRIMARY,
    "REQUEUE": PRIMARY,
    "DELETE": PRIMARY,
    "ALONE": "jobs_held",
    "ANY_UNROUTABLE": "jobs_held",
    "UNHOLD_KNOWN": "jobs_held",
    "UNHOLD_RESUMED": "jobs_held",
    "EXPIRED": "jobs_expiring",
    "UNKNOWN_TASKS": "jobs_held",
    "MAKE_HELD_DUE": "jobs_held",
    "HELD": "jobs_running",
    "RUNNING": "jobs_running",
    "RUNNING_RUNNERS": "jobs_running",
    "LONGEST_RUNNING": "jobs_running",
    "ORPHANS": "jobs_running",
    "OLD": "jobs_ended",
    "FAILED": "jobs_ended",
    "KEY_TAKEN": "jobs_keyed",
    "KEYS_RUNNING": "jobs_keyed",
    "KEY_HELD": "jobs_keyed",
    "KEY_HELD_IN": "jobs_keyed",
    "FIRST_OF_KEY": "jobs_keyed",
    "HELD_KEYS": "jobs_held",
    "NOT_COUNTED": PRIMARY,
}
WHOLE_INDEX = {
    "LONGEST_RUNNING",
    "RUNNING",
    "RUNNING_IN",
    "RUNNING_RUNNERS",
}  # of running jobs, which are few: all of it is what they want
SORTED_AFTERWARDS = {
    "LONGEST_RUNNING",
    "ORPHANS",
    "NOT_COUNTED",
    "UNKNOWN_TASKS",
    "HELD_KEYS",
    "RUNNING_IN",
    "KEY_RUNS",
}  # few, too
NOT_OF_JOBS = {
    "KEPT_LIMITS",
    "KEEP_LIMITS",
    "REPORT",
    "ACT",
    "ACTS",
    "FORGET_ACTS",
    "DROP_LIMITS",
    "QUEUED_OF",
    "TAKER",
    "TAKE",
    "FREE",
    "RUNNING_OF",
    "SPENT",
    "SPEND",
    "SCHEDULES",
    "SCHEDULE",
    "KEEP_SCHEDULE",
    "REMOVE_SCHEDULE",
    "NEXT_VERSION",
    "LAST_VERSION",
    "INSERT",
    "INSERT_NEW",
    "INSERT_EXTENDED",
    "COUNT",
    "ALL_COUNTED",
    "COUNTERS",
    "COUNTED_QUEUES",
    "COUNT_OF_STATE",
    "RECORD",
    "REGISTER",
    "RUNNERS",
    "PROCESSES",
    "PAUSED",
    "PAUSES",
    "PAUSE",
    "RESUME",
    "PAUSED_TASKS",
    "RESUMED_TASKS",
    "TASK_PAUSES",
    "PAUSE_TASK",
    "RESUME_TASK",
    "FORGET_RESUMED",
    "HISTORY",
    "HISTORY_IN_STEPS",
    "OLDEST_MINUTE",
    "NEWEST_MINUTE",
    "TO_HOURS",
    "FORGET_MINUTES",
    "FORGET_HOURS",
}


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in schema.MIGRATIONS:
        for statement in script.split(";\n"):
            connection.execute(statement)
    yield connection
    connection.close()


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    named = set(re.findall(r":(\w+)", statement))
    values: object = dict.fromkeys(named, 1) if named else [1] * statement.count("?")
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()  # type: ignore[arg-type]
    return [row[3] for row in rows]


def test_every_statement_is_spoken_for() -> None:
    assert {name for name in vars(sql) if name.isupper() and name[0] != "_"} - {
        "COLUMNS",
        "INSERTED",
        "EXTENDED",
        "ACTS_KEPT",
        "HISTORY_STEP",
        "HOUR",
        "OF_STATE",
        "PRIORITIES",
        "PRIORITY_STEP",
    } == set(INDEX) | NOT_OF_JOBS


@pytest.mark.parametrize("name", sorted({*INDEX, *NOT_OF_JOBS}))
def test_a_statement_numbers_no_placeholders(name: str) -> None:
    """The driver takes ?1 for a name, and from Python 3.12 on deprecates giving it values by place."""
    assert not re.search(r"\?\d", getattr(sql, name))


@pytest.mark.parametrize("name", INDEX)
def test_a_statement_uses_its_index_and_scans_no_jobs(connection: sqlite3.Connection, name: str) -> None:
    steps = plan(connection, getattr(sql, name))
    jobs = [step for step in steps if " jobs" in step]
    assert jobs, steps
    for step in jobs:
        assert step.startswith("SEARCH jobs USING ") or (name in WHOLE_INDEX and step.startswith("SCAN jobs USING "))
    assert any(INDEX[name] in step for step in jobs), steps


@pytest.mark.parametrize("name", sorted(set(INDEX) - SORTED_AFTERWARDS))
def test_a_statement_needs_no_sorting(connection: sqlite3.Connection, name: str) -> None:
    assert not [step for step in plan(connection, getattr(sql, name)) if "TEMP B-TREE" in step]


@pytest.mark.parametrize("name", ["CLAIMABLE", "CLAIMABLE_BUT", "OLDEST", "SCHEDULED", "DUE", "MAKE_DUE"])
def test_claims_seek_by_queue_and_priority(connection: sqlite3.Connection, name: str) -> None:
    assert any("queue=? AND priority=?" in step for step in plan(connection, getattr(sql, name)))


# What the verbs themselves carry out, wherever it is written: a statement that stands beside those above is found here.

PLANNED = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
ADDED_UP = {sql.HISTORY_IN_STEPS, sql.TO_HOURS}  # a stretch of the history: rows of minutes, tasks and buckets, however many jobs
ALL_OF_FEW = {
    sql.COUNT_OF_STATE,
    sql.PAUSES,  # statements that read the whole of a table of few rows: a counter of each kind, a row of each process
    sql.COUNTERS,
    sql.COUNTED_QUEUES,
    sql.PAUSED,
    sql.RUNNERS,
    sql.PROCESSES,
    "SELECT id, tasks, queues FROM runners WHERE id <> ?",
    "SELECT id FROM runners",
}


class _Recording:
    """Stands in for the store's connection, and keeps the text of every statement."""

    def __init__(self) -> None:
        texts = self.texts = set[str]()

        class Cursor(sqlite3.Cursor):
            def execute(self, text: str, parameters: Any = (), /) -> Any:
                texts.add(text)
                return super().execute(text, parameters)

            def executemany(self, text: str, parameters: Iterable[Any], /) -> Any:
                texts.add(text)
                return super().executemany(text, parameters)

        class Connection(connecting._Connection):
            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, text: str, parameters: Any = (), /) -> Any:
                if not isinstance(text, connecting.Call):
                    texts.add(text)
                return super().execute(text, parameters)

        self.connection = Connection


@pytest.fixture
async def carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The statements of a store's life in which each verb met each case that has one of its own."""
    recording = _Recording()
    monkeypatch.setattr(connecting, "_Connection", recording.connection)
    store = SQLiteStore(tmp_path / "jobs.db")
    await store.open()
    before_jobs = recording.texts - {sql.NOT_COUNTED, sql.NEWEST_MINUTE}  # which verbs carry out, too
    await put(store, "old", now=NOW - MINUTES_KEPT - HOUR, queue="of old")
    await sign_on(store, "r2", tasks={"theirs"})
    await put(store, "theirs", name="theirs")
    await put(store, "nobodys", name="nobodys")
    await put(store, "never")
    await store.cancel(["never"], now=NOW)
    job = await run(store, "a", unique_key="key")
    await put(store, "a")  # known
    await put(store, "b", unique_key="key")  # taken
    await store.note({"a": (job.token, Progress(1, 2, ""))})
    await store.abandon({"a": job.token})
    await end(store, retry(job, hold=Hold.ALONE))
    await claim_alone(store)
    await store.orphans(10)
    await store.cancel(["a", "unknown"], now=NOW)
    await sign_on(store, "r1", tasks={*WORK, "nobodys"})
    await store.beat("r1", now=NOW)
    await store.beat("r1", now=NOW - 10 * MINUTE)  # the clock was set back
    await put(store, "c", "d", now=NOW)
    await put(store, "large", args="x" * (claiming.LARGE + 1), now=NOW)
    c, *_ = await take(store)
    await end(store, success(c))
    await store.requeue(["c"], now=NOW)
    await store.set_paused("default", True, now=NOW)
    await claim(store)
    await store.set_paused("default", False, now=NOW)
    for paused in (True, False):
        await store.set_task_paused("work", paused, now=NOW)
    await store.discard(["never"])
    for limits in ("[]", None):
        await store.keep_limits("mail", limits, now=NOW)
    await end(store, *[success(job) for job in await take(store)])
    await put(store, "limited", queue="mail", now=NOW)
    waits = Policy(unique_until_started=True)
    await put(store, "u1", "u2", unique_key="u", policy=waits, replaces=True, queue="unique", now=NOW)
    await claim(store, wants={"unique": 5})
    await put(store, "t1", "t2", unique_key="t", unique_for=5, max_waiting=9, queue="unique", now=NOW)
    await put(store, "k1", "k2", "k1", key="a", queue="keyed", now=NOW)
    await store.situation("k1", now=NOW)
    await end(store, success((await claim(store, wants={"keyed": 5})).jobs[0]))
    limits = {"mail": Limits(1, Rate(1000.0))}
    await store.claim(Claim("r1", {"mail": 1}, frozenset(WORK), limits), now=NOW)
    await store.timetable.declare([fires_at("nightly")], now=NOW)
    await store.timetable.fire([Fire("nightly", (await scheduled(store, "nightly")).version, NOW, None)], now=NOW)
    await store.timetable.remove("nightly")
    await store.prune({State.SUCCEEDED: NOW + MINUTE, State.CANCELLED: NOW + MINUTE}, limit=1000)
    await store.get(["a"])
    await store.stats(now=NOW)
    await store.history(since=NOW - MINUTE, until=NOW)
    await store.history(since=NOW - MINUTE, until=NOW, step=2 * MINUTE)
    await store.failures(5)
    await store.record_act(Act(NOW, "ada", "retry", "a", 1))
    await store.acts(5)
    await store.report("r1", Condition(NOW, 0.0, None, "3.13.0"))
    await store.longest_running(5)
    await store.page(JobQuery(text="a", since=NOW, until=NOW + 1), limit=5)
    await store.page(JobQuery(State.FAILED), limit=5)
    await store.retire("r1")
    await store.close()
    return {text for text in recording.texts - before_jobs if PLANNED.match(text)}


async def test_the_verbs_carry_out_every_statement_that_is_pinned(carried_out: set[str]) -> None:
    named = {getattr(sql, name) for name in {*INDEX, *NOT_OF_JOBS}}
    # Those two need ten thousand scheduled jobs and a dead process; each is pinned by name above.
    assert named - carried_out == {sql.DUE, sql.ORPHANS}


async def test_no_verb_scans_the_jobs_or_sorts_them(carried_out: set[str], connection: sqlite3.Connection) -> None:
    whole = {getattr(sql, name) for name in WHOLE_INDEX}
    unsorted = carried_out - {getattr(sql, name) for name in SORTED_AFTERWARDS} - ADDED_UP
    scans = {text: step for text in carried_out - whole for step in plan(connection, text) if step.startswith("SCAN jobs")}
    sorts = {text: step for text in unsorted for step in plan(connection, text) if "TEMP B-TREE" in step}
    assert not scans
    assert not sorts


async def test_what_reads_all_of_another_table_is_known_and_reads_few_rows(
    carried_out: set[str], connection: sqlite3.Connection
) -> None:
    few = re.compile(r"SCAN (counters|pauses|runners|history)\b")
    found = {text for text in carried_out for step in plan(connection, text) if few.match(step)}
    assert found <= ALL_OF_FEW


@pytest.mark.parametrize("state", State)
def test_the_jobs_of_a_state_are_found_in_an_index_that_holds_no_others(connection: sqlite3.Connection, state: State) -> None:
    steps = [step for step in plan(connection, sql.OF_STATE[state]) if "jobs" in step]
    assert len(steps) == (2 if state is State.QUEUED else 1)
    assert all("INDEX jobs_" in step for step in steps)
    page = f"SELECT seq FROM jobs WHERE seq < ? AND state = 0 AND seq IN ({sql.OF_STATE[state]}) ORDER BY seq DESC LIMIT 5"
    assert any("SEARCH jobs USING INTEGER PRIMARY KEY" in step for step in plan(connection, page))
    assert not any("TEMP B-TREE" in step for step in plan(connection, page))


@pytest.mark.parametrize(("column", "name"), [("id", IDS), ("unique_key", "jobs_unique")])
def test_an_insert_finds_who_has_its_id_or_key_by_a_unique_index(connection: sqlite3.Connection, column: str, name: str) -> None:
    """No plan says what a conflict is looked up in: it is the unique indexes there are, which must be on the column alone."""
    unique = {row[1] for row in connection.execute("PRAGMA index_list(jobs)") if row[2]}
    assert name in unique
    assert [row[2] for row in connection.execute(f"PRAGMA index_info({name})")] == [column]


@pytest.mark.parametrize("statement", ["COUNT", "RECORD"])
def test_a_count_goes_to_its_row_by_the_primary_key(connection: sqlite3.Connection, statement: str) -> None:
    """As above: WITHOUT ROWID, so that the table is its primary key, and its columns are what is counted by."""
    (table,) = re.findall(r"INSERT INTO (\w+)", getattr(sql, statement))
    key = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
    (listed,) = re.findall(r"\(([\w, ]+), n\)", getattr(sql, statement))
    assert key == listed.split(", ")
