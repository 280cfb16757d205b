"""Every statement that depends on the number of jobs finds its rows through an index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

import pytest

from asyncjobs.store.sqlite import schema
from asyncjobs.store.sqlite import statements as sql

PRIMARY = "INTEGER PRIMARY KEY"
IDS = "sqlite_autoindex_jobs_1"
INDEX = {
    "JOB_BY_ID": IDS,
    "SEQ_BY_ID": IDS,
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
    "HOLD": PRIMARY,
    "FINISH": PRIMARY,
    "CANCEL_QUEUED": PRIMARY,
    "CANCEL_RUNNING": PRIMARY,
    "REQUEUE": PRIMARY,
    "DELETE": PRIMARY,
    "ALONE": "jobs_held",
    "ANY_UNROUTABLE": "jobs_held",
    "UNHOLD": "jobs_held",
    "MAKE_HELD_DUE": "jobs_held",
    "HELD": "jobs_running",
    "RUNNING": "jobs_running",
    "RUNNING_RUNNERS": "jobs_running",
    "ORPHANS": "jobs_running",
    "OLD": "jobs_ended",
    "NOT_COUNTED": PRIMARY,
}
WHOLE_INDEX = {"RUNNING", "RUNNING_RUNNERS"}  # of running jobs, which are few: all of it is what they want
SORTED_AFTERWARDS = {"ORPHANS", "NOT_COUNTED"}  # few, too
NOT_OF_JOBS = {
    "INSERT",
    "COUNT",
    "COUNTED",
    "ALL_COUNTED",
    "COUNTERS",
    "COUNTED_QUEUES",
    "RECORD",
    "REGISTER",
    "RUNNERS",
    "PROCESSES",
    "PAUSED",
    "PAUSE",
    "RESUME",
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
    assert {name for name in vars(sql) if name.isupper() and name[0] != "_"} - {"COLUMNS", "INSERTED", "HISTORY_STEP"} == set(
        INDEX
    ) | NOT_OF_JOBS


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
