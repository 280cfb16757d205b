"""What escapes from a store: StoreClosed here; StoreMismatch and StoreUnavailable want a store that can fail. Never data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from asyncjobs.errors import StoreClosed
from asyncjobs.job import Progress, State
from asyncjobs.outcome import Finish
from asyncjobs.schedule import Fire
from asyncjobs.store.base import Act, Cancellation, Claim, Condition, JobQuery, RunnerInfo, Store, Verdict
from tests.store.acts import NOW, claim, claim_alone, end, everything, fires_at, new, one, put, run, sign_on, success
from tests.store.worlds import World

CLAIM = Claim("r1", {"default": 1}, frozenset({"work"}))


async def enter_watch(store: Store) -> None:
    async with store.watch():
        pass


VERBS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "get": lambda store: store.get(["a"]),
    "page": lambda store: store.page(JobQuery(), limit=1),
    "stats": lambda store: store.stats(now=NOW),
    "situation": lambda store: store.situation("a", now=NOW),
    "keep_limits": lambda store: store.keep_limits("mail", "[]", now=NOW),
    "discard": lambda store: store.discard(["a"]),
    "set_task_paused": lambda store: store.set_task_paused("work", True, now=NOW),
    "history": lambda store: store.history(since=0, until=NOW),
    "failures": lambda store: store.failures(5),
    "acts": lambda store: store.acts(5),
    "storage": lambda store: store.storage(),
    "check": lambda store: store.check(),
    "backup": lambda store: store.backup(None),
    "longest_running": lambda store: store.longest_running(5),
    "record_act": lambda store: store.record_act(Act(NOW, "ada", "retry", "a", 1)),
    "insert": lambda store: store.insert([new("a")], now=NOW),
    "insert of what survives nothing": lambda store: store.insert([new("a", survives="nothing")], now=NOW),
    "register": lambda store: store.register(RunnerInfo("r1", 1, "h", "0", NOW), now=NOW),
    "retire": lambda store: store.retire("r1"),
    "claim": lambda store: store.claim(CLAIM, now=NOW),
    "claim_alone": lambda store: store.claim_alone(CLAIM, now=NOW),
    "finish": lambda store: store.finish([Finish("a", 1, "succeeded", State.SUCCEEDED)], now=NOW),
    "beat": lambda store: store.beat("r1", now=NOW),
    "report": lambda store: store.report("r1", Condition(NOW, 0.0, None, "3.13.0")),
    "note": lambda store: store.note({"a": (1, Progress(1))}),
    "orphans": lambda store: store.orphans(1),
    "cancel": lambda store: store.cancel(["a"], now=NOW),
    "requeue": lambda store: store.requeue(["a"], now=NOW),
    "set_paused": lambda store: store.set_paused("default", True, now=NOW),
    "prune": lambda store: store.prune({}, limit=1),
    "watch": enter_watch,
    "timetable.all": lambda store: store.timetable.all(),
    "timetable.declare": lambda store: store.timetable.declare([fires_at("a")], now=NOW),
    "timetable.put": lambda store: store.timetable.put(fires_at("a"), now=NOW),
    "timetable.remove": lambda store: store.timetable.remove("a"),
    "timetable.fire": lambda store: store.timetable.fire([Fire("a", 1, NOW, None)], now=NOW),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_says_closed_before_open(world: World, verb: str) -> None:
    with pytest.raises(StoreClosed):
        await VERBS[verb](world.handle())


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_says_closed_after_close(store: Store, verb: str) -> None:
    await store.close()
    with pytest.raises(StoreClosed):
        await VERBS[verb](store)


async def test_open_and_close_are_idempotent(world: World) -> None:
    store = world.handle()
    await store.close()
    await store.open()
    await put(store, "a")
    await store.open()
    await put(store, "b")
    await store.close()
    await store.close()
    await store.open()
    assert len(await everything(store)) == 2
    await store.close()


async def test_closing_one_handle_leaves_the_others_open(store: Store, other: Store) -> None:
    await other.close()
    await put(store, "a")
    assert len(await everything(store)) == 1


@pytest.mark.parametrize("strange", ["", "\0", "\ud800", "a" * 100_000, "'; DROP TABLE jobs; --", "%", "日本"])
async def test_strange_text_in_a_question_is_only_unknown(store: Store, strange: str) -> None:
    job = await run(store, "a")
    assert list(await store.get([strange, "a"])) == [None, job]
    assert list((await store.page(JobQuery(queue=strange), limit=1)).jobs) == []
    assert list((await store.page(JobQuery(task=strange), limit=1)).jobs) == []
    assert list(await store.history(since=0, until=NOW, queue=strange)) == []
    assert list(await store.cancel([strange], now=NOW)) == [Cancellation.UNKNOWN]
    assert list(await store.requeue([strange], now=NOW)) == [False]
    assert list(await store.finish([Finish(strange, 1, "succeeded", State.SUCCEEDED)], now=NOW)) == [Verdict.LOST]
    await store.note({strange: (1, Progress(1))})
    await store.report(strange, Condition(NOW, 0.0, None, "3.13.0"))
    await store.beat(strange, now=NOW)
    await store.retire(strange)
    assert await one(store, "a") == job


async def test_an_id_that_ends_in_strange_text_is_nobody_elses(store: Store) -> None:
    """Where a store's own functions stop reading at NUL."""
    job = await run(store, "a")
    for other in ("a\0", "a\0b", "a\ud800"):
        assert list(await store.finish([Finish(other, job.token, "succeeded", State.SUCCEEDED)], now=NOW)) == [Verdict.LOST]
        assert list(await store.cancel([other], now=NOW)) == [Cancellation.UNKNOWN]
        await store.note({other: (job.token, Progress(1))})
    assert await one(store, "a") == job
    await end(store, success(job))
    assert list(await store.requeue(["a\0"], now=NOW)) == [False]


async def test_empty_batches_are_no_error(store: Store) -> None:
    await sign_on(store)
    assert list(await store.cancel([], now=NOW)) == []
    assert list(await store.requeue([], now=NOW)) == []
    assert list(await store.get([])) == []
    await store.note({})
    claimed = await store.claim(Claim("r1", {}, frozenset()), now=NOW)
    assert (list(claimed.jobs), claimed.next_due, claimed.alone_due) == ([], None, None)
    assert list((await claim_alone(store, tasks=())).jobs) == []
    assert list((await claim(store, tasks=())).jobs) == []
    assert list(await store.orphans(0)) == []


@pytest.mark.parametrize("token", [0, -1, 2**62])
async def test_tokens_that_never_were_are_lost(store: Store, token: int) -> None:
    await run(store, "a")
    await put(store, "b")
    for id in ("a", "b"):
        assert list(await store.finish([Finish(id, token, "succeeded", State.SUCCEEDED)], now=NOW)) == [Verdict.LOST]
