"""The judge condemns what it is for: a story that holds, and the same one with one thing wrong."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from asyncjobs.job import Job, State
from asyncjobs.outcome import Lost, settle
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.crash.kills.accounts import _add
from tests.crash.kills.found import Record, Row
from tests.crash.kills.judge import judge
from tests.crash.kills.ledger import FILE, Ledger
from tests.store import acts

SLOTS = 5
LATER = acts.NOW + acts.MINUTE
TASKS = ("work", "dross", "doomed")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lives, of which the first was killed, as the ledger and the store have them."""
    folder = tmp_path_factory.mktemp("told")
    anyio.run(_tell, folder)
    return folder


@pytest.fixture
def folder(told: Path, tmp_path: Path) -> Path:
    """To be doctored."""
    return Path(shutil.copytree(told, tmp_path / "folder"))


async def _tell(folder: Path) -> None:
    ledger, store = Ledger(folder), SQLiteStore(folder / "jobs.db")
    await store.open()
    await acts.sign_on(store, "r1", tasks=TASKS)
    ledger.up(1, "r1", SLOTS, 0)
    await _insert(ledger, store, ["done"], ["doomed"], ["torn"], ["pair-1", "pair-2"])
    jobs = {job.id: job for job in (await acts.claim(store, "r1", tasks=TASKS)).jobs}
    for id in ("done", "doomed", "torn"):  # the pair is claimed and never begun
        ledger.started(jobs[id])
    await _succeed(ledger, store, jobs["done"])
    await _end(ledger, store, "failed", jobs["doomed"])
    await _insert(ledger, store, ["dropped"])
    ledger.cancel_asked("dropped")
    (answer,) = await store.cancel(["dropped"], now=acts.NOW)
    ledger.cancel_answered("dropped", answer)
    await _insert(ledger, store, ["dross"], task="dross")
    ledger.discarded("dross")
    await store.cancel(["dross"], now=1)
    store._liveness.release("r1")
    await store.close()
    ledger.over(1, "killed")

    store = SQLiteStore(folder / "jobs.db")
    await store.open()
    await acts.sign_on(store, "r2", tasks=TASKS)
    for job in await store.orphans(10):
        finish = settle(job, Lost(), now=acts.NOW, chance=0.5)
        await acts.end(store, finish)
        ledger.recorded([(job, finish)])
    ledger.up(2, "r2", SLOTS, 0)
    for job in (await acts.claim(store, "r2", tasks=TASKS, now=LATER)).jobs:
        ledger.started(job)
        await _succeed(ledger, store, job)
    await store.prune({State.CANCELLED: 2}, limit=10)
    await store.retire("r2")
    await store.close()
    ledger.over(2, "stopped")
    ledger.close()


async def _insert(ledger: Ledger, store: SQLiteStore, *batches: list[str], task: str = "") -> None:
    for batch in batches:
        ledger.asked(batch)
        name = task or ("doomed" if "doomed" in batch else "work")
        # The queue of what is discarded is the one that the load discards in.
        await acts.put(store, *batch, name=name, queue="slow" if task == "dross" else "default")
        ledger.acknowledged(batch)


async def _succeed(ledger: Ledger, store: SQLiteStore, job: Job) -> None:
    ledger.ended(job, "ok")
    finish = acts.success(job, result=str(job.token))
    await acts.end(store, finish, now=LATER)
    ledger.recorded([(job, finish)])


async def _end(ledger: Ledger, store: SQLiteStore, how: str, job: Job) -> None:
    ledger.ended(job, how)
    finish = acts.failure(job)
    await acts.end(store, finish)
    ledger.recorded([(job, finish)])


# --- doctoring -----------------------------------------------------------------------------------------------------------

Doctor = Callable[[Path], None]


def sql(*statements: str) -> Doctor:
    def doctor(folder: Path) -> None:
        connection = sqlite3.connect(folder / "jobs.db")
        for statement in ("PRAGMA ignore_check_constraints = 1", *statements):
            connection.execute(statement)
        connection.commit()
        connection.close()

    return doctor


def record(id: str, before: str, after: str) -> Doctor:
    """Change the attempt records of a job."""
    return sql(f"UPDATE jobs SET attempts = replace(attempts, '{before}', '{after}') WHERE id = '{id}'")


def line(begin: str, change: Callable[[str], str]) -> Doctor:
    """Change the one line of the ledger that begins so; what comes of it may be no line, or several."""

    def doctor(folder: Path) -> None:
        lines = (folder / FILE).read_text().splitlines()
        (index,) = (index for index, line in enumerate(lines) if line.startswith(begin))
        lines[index] = change(lines[index])
        (folder / FILE).write_text("\n".join(lines) + "\n")

    return doctor


def twice(text: str) -> str:
    return f"{text}\n{text}"


def gone(_: str) -> str:
    return ""


def said(text: str) -> Doctor:
    """One more line at the end of the ledger."""
    return line("Z 2 ", lambda last: f"{last}\n{text} ;")


def word(index: int, value: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        words = text.split()
        words[index] = value
        return " ".join(words)

    return change


def file(name: str) -> Doctor:
    return lambda folder: (folder / "jobs.db.runners" / name).touch()


def _first_token(folder: Path) -> str:
    return next(line.split()[2] for line in (folder / FILE).read_text().splitlines() if line.startswith("S done "))


def begun_again_after_success(folder: Path) -> None:
    token = int(_first_token(folder)) + 1
    said(f"S done {token} r2 1 {LATER} 1 {10**18}")(folder)


def told_twice(folder: Path) -> None:
    line("D done ", twice)(folder)


def overlapping(folder: Path) -> None:
    """The second attempt began before the process of the first was dead."""
    lines = [line for line in (folder / FILE).read_text().splitlines() if line.startswith("S torn ")]
    first, second = (line.split() for line in lines)
    line(f"S torn {second[2]} ", word(7, str(int(first[7]) + 1)))(folder)


def tokens_fall(folder: Path) -> None:
    lines = [line for line in (folder / FILE).read_text().splitlines() if line.startswith("S torn ")]
    first, second = (line.split() for line in lines)
    line(f"S torn {second[2]} ", word(7, str(int(first[7]) - 1)))(folder)


def overwritten(folder: Path) -> None:
    (folder / "jobs.db").write_bytes(b"nothing" * 1000)


CONDEMNED: dict[str, tuple[Doctor, str]] = {
    "a job is missing": (sql("DELETE FROM jobs WHERE id = 'done'"), "acknowledged jobs are there"),
    "half a batch is missing": (sql("DELETE FROM jobs WHERE id = 'pair-1'"), "batches are stored whole or not at all"),
    "a stranger": (line("E done", gone), "nothing is stored that nobody asked for"),
    "an id was taken for new": (said("N done"), "no id is taken twice"),
    "left queued": (sql("UPDATE jobs SET state = 0, finished_at = NULL WHERE id = 'done'"), "every job has ended"),
    "left running": (sql("UPDATE jobs SET state = 1, finished_at = NULL WHERE id = 'done'"), "every job has ended"),
    "a bystander is blamed": (
        sql("""UPDATE jobs SET error = '["KilledItsProcess", "", ""]' WHERE id = 'torn'"""),
        "only lone suspects have killed their process",
    ),
    "another attempt's result": (sql("UPDATE jobs SET result = '1' WHERE id = 'done'"), "successes are their own"),
    "an end was undone": (sql("UPDATE jobs SET state = 3 WHERE id = 'done'"), "recorded ends stand"),
    "a cancelled job ran": (sql("UPDATE jobs SET state = 2 WHERE id = 'dropped'"), "cancelled is cancelled"),
    "cancelled by nobody": (sql("UPDATE jobs SET state = 4 WHERE id = 'doomed'"), "cancelled is cancelled"),
    "begun twice under one token": (line("S done ", twice), "no attempt begins twice"),
    "told twice": (line("D done ", twice), "no attempt finishes twice"),
    "recorded twice": (
        sql("UPDATE jobs SET attempts = json_insert(attempts, '$[1]', json_extract(attempts, '$[0]')) WHERE id = 'done'"),
        "no attempt finishes twice",
    ),
    "begun after its success": (begun_again_after_success, "nothing begins after its success"),
    "recorded after its success": (
        sql("UPDATE jobs SET attempts = json_insert(attempts, '$[1]', json('[2,\"failed\",\"r2\",1,2,null]')) WHERE id = 'done'"),
        "nothing begins after its success",
    ),
    "tokens fall": (tokens_fall, "tokens grow"),
    "a token was forgotten": (sql("UPDATE jobs SET token = 1 WHERE id = 'done'"), "tokens grow"),
    "two attempts at once": (overlapping, "attempts of one job never overlap"),
    "an attempt without a record": (sql("UPDATE jobs SET attempts = NULL WHERE id = 'done'"), "every begun attempt has its record"),
    "recorded otherwise than it ended": (record("done", "succeeded", "failed"), "every begun attempt has its record"),
    "a told end is not recorded": (record("doomed", "failed", "timed_out"), "every told end has its record"),
    "never begun, and yet it failed": (record("pair-1", "lost", "failed"), "attempts that never began were given up"),
    "the living lose an attempt": (line("Z 1 ", word(2, "stopped")), "only the dead lose attempts"),
    "more lost than slots": (line("U 1 ", word(4, "2")), "only the dead lose attempts"),
    "lost with a stranger": (line("U 1 ", gone), "only the dead lose attempts"),
    "a crash too many": (sql("UPDATE jobs SET crashes = 1 WHERE id = 'done'"), "crashes are counted"),
    "an attempt too many": (sql("UPDATE jobs SET attempt = 2 WHERE id = 'torn'"), "attempts are counted"),
    "a number was skipped": (record("torn", "[1,\"succeeded", "[2,\"succeeded"), "attempts are counted"),
    "a counter is off by one": (
        sql("UPDATE counters SET n = n + 1 WHERE key = 'succeeded'"),
        "counters equal a recount",
    ),
    "a job is still counted as running": (
        sql("UPDATE counters SET n = n + 1 WHERE key = 'running' AND queue = 'default'"),
        "counters equal a recount",
    ),
    "history is off by one": (
        sql("UPDATE history SET n = n + 1 WHERE metric = 'lost' AND task = 'work'"),
        "history equals the ledger",
    ),
    "an attempt's duration was measured twice": (
        sql("UPDATE history SET n = n + 1 WHERE metric = 'run' AND task = 'doomed'"),
        "history equals the ledger",
    ),
    "a total is off by one": (
        sql("UPDATE counters SET n = n + 1 WHERE key = 'total_started' AND queue = 'default'"),
        "totals equal history",
    ),
    "a cancel was not counted": (
        sql("UPDATE counters SET n = n - 1 WHERE key = 'total_cancelled' AND queue = 'default'"),
        "totals equal history",
    ),
    "the file is broken": (
        sql("PRAGMA writable_schema = 1", "UPDATE sqlite_master SET sql = replace(sql, 'result TEXT', 'result TEXT NOT NULL')"),
        "the file is whole",
    ),
    "no file at all": (overwritten, "the file is whole"),
    "served before replay": (line("U 2 ", word(5, "1")), "replay comes before the first request"),
    "a life without an end": (line("Z 1 ", gone), "every life is known to its end"),
    "a runner is left": (
        sql("INSERT INTO runners (id, pid, host, version, started_at, boot_id, pid_started, queues, tasks) VALUES ('r1', 1, '', '', 1, '', '', '{}', '[]')"),
        "nothing of the runners is left",
    ),
    "a sign of life is left": (file("r1.lock"), "nothing of the runners is left"),
    "an address is left": (file("r1.sock"), "nothing of the runners is left"),
    "a hidden file is left": (file(".r1.new"), "nothing of the runners is left"),
}  # fmt: skip


def test_a_story_that_holds_is_not_condemned(folder: Path) -> None:
    verdict = judge(folder)
    assert verdict.findings == []
    assert (verdict.acknowledged, verdict.lost, verdict.attempts, verdict.twice, verdict.never_begun) == (7, 0, 6, 0, 2)


@pytest.mark.parametrize("what", CONDEMNED)
def test_the_judge_condemns(what: str, folder: Path) -> None:
    doctor, invariant = CONDEMNED[what]
    doctor(folder)
    assert invariant in {finding.invariant for finding in judge(folder).findings}


def test_a_record_that_was_cut_short_is_none(folder: Path) -> None:
    line("Z 1 ", lambda last: f"{last}\n\nS done 77")(folder)
    verdict = judge(folder)
    assert verdict.findings == []
    assert verdict.torn == 1


def test_what_was_discarded_may_be_gone(folder: Path) -> None:
    connection = sqlite3.connect(folder / "jobs.db")
    assert connection.execute("SELECT count(*) FROM jobs WHERE id = 'dross'").fetchone() == (0,)
    connection.close()
    assert judge(folder).lost == 0


def test_what_was_not_discarded_may_not(folder: Path) -> None:
    line("V dross", gone)(folder)
    verdict = judge(folder)
    assert verdict.lost == 1
    assert "acknowledged jobs are there" in {finding.invariant for finding in verdict.findings}


def test_every_invariant_has_a_story_that_breaks_it() -> None:
    from tests.crash.kills.judge import INVARIANTS

    names = {invariant.__name__.replace("_", " ") for invariant in INVARIANTS}
    assert names == {invariant for _, invariant in CONDEMNED.values()}


def test_a_job_that_was_found_guilty_and_requeued_has_failed_for_good_each_time() -> None:
    lost, guilty = Record(1, "lost", "r1", 1), Record(1, "lost", "r1", 1, guilty=True)
    failed = Record(1, "failed", "r1", 1), Record(2, "failed", "r1", 1)

    def recount(state: str, *records: Record) -> tuple[int, int]:
        least: Counter[str] = Counter()
        _add(
            least, Row("a", "doomed", "default", state, 1, 1, 0, False, None, None, records), Counter(r.outcome for r in records)
        )
        return least["dead"], least["failures"]

    assert recount("failed", lost, lost, guilty) == (1, 1)
    assert recount("queued", lost, lost, guilty) == (1, 1)
    assert recount("failed", lost, lost, guilty, *failed) == (2, 3)
    assert recount("failed", *failed, *failed) == (2, 4)
