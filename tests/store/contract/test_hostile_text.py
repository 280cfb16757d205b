"""Text that comes out of users' code and data, unchanged through the store."""

from __future__ import annotations

import json

import pytest

from asyncjobs.job import Error, Progress
from asyncjobs.store.base import JobQuery, Store
from tests.store.acts import NOW, WORK, claim, end, failure, new, one, retry, run, sign_on, success, take

DEEP = "[" * 2_000 + "]" * 2_000
PAYLOADS = {
    "NUL": json.dumps({"args": ["a\0b"], "kwargs": {}}),
    "lone surrogates": json.dumps({"args": ["\ud800", "\udfff\ud800"], "kwargs": {"\udc00": 1}}),
    "numbers beyond 63 bits": json.dumps({"args": [2**63, -(2**63) - 1, 10**400, 1e308], "kwargs": {}}),
    "deep nesting": '{"args":[' + DEEP + '],"kwargs":{}}',
    "duplicate keys and odd spacing": ' {"args" : [ ] ,"args":[1],\n"kwargs":{} }\t',
    "empty": "",
    "a quarter of a megabyte": json.dumps({"args": ["x" * 250_000], "kwargs": {}}),
    "quotes": json.dumps({"args": ["'; DROP TABLE jobs; --", '"', "\\", "?1", ":id", "%s"], "kwargs": {}}),
}
WORDS = {
    "NUL": "a\0b\0",
    "lone surrogates": "\ud800 \udfff\ud800",
    "astral and combining": "🧨 e\u0301 \u202e \ufeff \uffff",
    "lines": "one\r\ntwo\u2028three\x85four\n",
    "empty": "",
    "long": "é" * 16_384,
    "json": '{"a": [1, "\\u0000"]}',
}


@pytest.mark.parametrize("kind", PAYLOADS)
async def test_arguments_meta_and_results_survive_unchanged(store: Store, other: Store, kind: str) -> None:
    payload = PAYLOADS[kind]
    job = await run(store, "a", args=payload, meta=payload)
    assert (job.args, job.meta) == (payload, payload)
    await end(store, success(job, result=payload))
    after = await one(other, "a")
    assert (after.args, after.meta, after.result) == (payload, payload, payload)


@pytest.mark.parametrize("kind", WORDS)
async def test_errors_survive_unchanged(store: Store, other: Store, kind: str) -> None:
    error = Error(WORDS[kind], WORDS[kind], WORDS[kind])
    await end(store, retry(await run(store, "a"), error=error))
    [job] = await take(store)
    assert job.error == error
    assert job.attempts[0].error == error
    await end(store, failure(job, error=error))
    after = await one(other, "a")
    assert after.error == error
    assert [record.error for record in after.attempts] == [error, error]


@pytest.mark.parametrize("kind", WORDS)
async def test_progress_notes_survive_unchanged(store: Store, other: Store, kind: str) -> None:
    job = await run(store, "a")
    await store.note({"a": (job.token, Progress(0.1, 1e300, WORDS[kind]))})
    await sign_on(store, "flush")
    assert (await one(other, "a")).progress == Progress(0.1, 1e300, WORDS[kind])


@pytest.mark.parametrize("name", ["日本語", "🧨", "it's", '"quoted"', "a b%_*?", "x" * 200, "a.b:C.<locals>.d", "[1]", '{"a":1}'])
async def test_printable_names_and_keys_survive_unchanged(store: Store, other: Store, name: str) -> None:
    await sign_on(store, name, tasks={name}, queues={name: 1})
    await store.insert([new(name, name=name, queue=name, unique_key=name)], now=NOW)
    [job] = (await claim(store, name, {name: 1}, tasks={name, *WORK})).jobs
    assert (job.id, job.name, job.queue, job.unique_key, job.runner) == (name,) * 5
    assert await one(other, name) == job
    assert dict((await store.beat(name, now=NOW)).held) == {name: job.token}
    assert [job.id for job in (await store.page(JobQuery(queue=name, task=name), limit=2)).jobs] == [name]
    stats = await other.stats(now=NOW)
    assert set(stats.queues) == {name}
    assert [(runner.info.id, runner.info.tasks, dict(runner.running)) for runner in stats.runners] == [
        (name, frozenset({name}), {name: 1})
    ]
    assert {(bucket.queue, bucket.task) for bucket in await store.history(since=0, until=NOW + 1)} == {(name, name)}


async def test_times_at_the_edges_survive_unchanged(store: Store) -> None:
    far = 2**48
    await store.insert([new("far", run_at=far), new("near", run_at=1)], now=1)
    assert [(job.run_at, job.enqueued_at) for job in await store.get(["far", "near"]) if job] == [(far, 1), (1, 1)]
