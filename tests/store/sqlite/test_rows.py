"""A job's row and back."""

from __future__ import annotations

import pytest

from asyncjobs.job import ATTEMPTS_KEPT, AttemptRecord, Error, Policy, Progress
from asyncjobs.store.sqlite import rows
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, end, failure, new, one, retry, run, success, take

HOSTILE = [
    "",
    "a\0b\0",
    "\ud800 lone, \udfff too",
    "🧨 \u202e \ufeff \uffff",
    "'; DROP TABLE jobs; --",
    '["json", {"a": null}]',
    "\r\n\u2028\x85\x1b[31m",
    "é" * 20_000,
]
ASCII = [rows.dumps(text) for text in HOSTILE]


@pytest.mark.parametrize("text", ASCII)
async def test_arguments_meta_and_result_come_back_as_they_were(store: SQLiteStore, text: str) -> None:
    job = await run(store, "a", args=text, meta=text)
    await end(store, success(job, result=text))
    after = await one(store, "a")
    assert (after.args, after.meta, after.result) == (text, text, text)


@pytest.mark.parametrize("text", HOSTILE)
async def test_errors_and_notes_come_back_as_they_were(store: SQLiteStore, text: str) -> None:
    job = await run(store, "a")
    await store.note({"a": (job.token, Progress(1.5, None, text))})
    assert (await one(store, "a")).progress == Progress(1.5, None, text)
    await end(store, failure(job, error=Error(text, text, text)))
    after = await one(store, "a")
    assert after.error == Error(text, text, text)
    assert after.attempts[0].error == Error(text, text, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_can_be_asked_for(text: str) -> None:
    asked = rows.askable(text)
    assert asked == text if "\ud800" not in text else isinstance(asked, bytes)


POLICIES = [
    Policy(),
    Policy(1, 2.5, 0.0, "later", 30.0, False),
    Policy(3, (1.0, 60.0, 3600.0)),
    Policy(retry_queue="é'🧨"),
]


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_policy_comes_back_as_it_was(store: SQLiteStore, policy: Policy) -> None:
    await store.insert([new("a", policy=policy)], now=NOW)
    assert (await one(store, "a")).policy == policy
    assert rows.policy_of(rows.policy_text(policy)) == policy


def test_jobs_of_one_task_share_one_policy() -> None:
    text = rows.policy_text(Policy(7))
    assert rows.policy_text(Policy(7)) is text
    assert rows.policy_of(text) is rows.policy_of(str(text))


def test_an_attempt_record_comes_back_as_it_was() -> None:
    records = (
        AttemptRecord(1, "failed", "r1", NOW, NOW + 1, Error("E", "m\0", "t\ud800")),
        AttemptRecord(2, "succeeded", "ré", NOW, NOW, None),
    )
    assert rows.attempts_of(rows.attempts_text(records)) == records
    assert rows.attempts_of(None) == ()


async def test_the_last_twenty_attempts_are_kept(store: SQLiteStore) -> None:
    job = await run(store, "a")
    for _ in range(ATTEMPTS_KEPT + 5):
        await end(store, retry(job))
        [job] = await take(store)
    assert [record.number for record in job.attempts] == [1, *range(7, ATTEMPTS_KEPT + 6)]
