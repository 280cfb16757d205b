"""get and page."""

from __future__ import annotations

import pytest

from asyncjobs.job import Error, Hold, State
from asyncjobs.json_text import encoder
from asyncjobs.store.base import JobQuery, Store
from tests.store.acts import NOW, end, failure, ids, new, one, pages, put, run, sign_on, success, take

dumps = encoder(allow_nan=False)


async def test_get_answers_in_order_with_none_for_the_unknown(store: Store) -> None:
    await put(store, "a", "b", "c")
    found = await store.get(["c", "x", "a", "c"])
    assert [job and job.id for job in found] == ["c", None, "a", "c"]
    assert list(await store.get([])) == []


async def test_get_takes_many_ids(store: Store) -> None:
    await store.insert([new(f"j{n}") for n in range(2_000)], now=NOW)
    wanted = [f"j{n}" for n in range(1_999, -1, -1)]
    assert [job and job.id for job in await store.get(wanted)] == wanted


async def test_a_handle_reads_what_it_wrote(store: Store) -> None:
    job = await run(store, "a")
    assert await one(store, "a") == job


async def test_pages_show_the_newest_insert_first(store: Store) -> None:
    await put(store, "a", "b")
    await put(store, "c", run_at=NOW + 99)
    page = await store.page(JobQuery(), limit=10)
    assert (ids(page.jobs), page.next) == (["c", "b", "a"], None)


async def test_pages_neither_skip_nor_repeat_while_jobs_are_inserted(store: Store, other: Store) -> None:
    await store.insert([new(f"j{n}") for n in range(25)], now=NOW)
    seen, after = [], None
    for turn in range(100):
        page = await store.page(JobQuery(), limit=4, after=after)
        seen += ids(page.jobs)
        await other.insert([new(f"new{turn}-{n}") for n in range(3)], now=NOW)
        after = page.next
        if after is None:
            break
    assert seen == [f"j{n}" for n in range(24, -1, -1)]


async def test_pages_go_on_when_the_last_one_shown_is_gone(store: Store) -> None:
    await sign_on(store)
    await put(store, *(f"j{n}" for n in range(6)))
    jobs = await take(store)
    page = await store.page(JobQuery(), limit=2)
    assert ids(page.jobs) == ["j5", "j4"]
    await end(store, *(success(job) for job in jobs if job.id in ("j4", "j3")))
    assert await store.prune({State.SUCCEEDED: NOW + 1}, limit=10) == 2
    page = await store.page(JobQuery(), limit=2, after=page.next)
    assert ids(page.jobs) == ["j2", "j1"]


async def test_the_last_page_names_no_next(store: Store) -> None:
    await put(store, *(f"j{n}" for n in range(6)))
    assert [len(jobs) for jobs in await pages(store, JobQuery(), limit=3)] == [3, 3]
    assert [len(jobs) for jobs in await pages(store, JobQuery(), limit=4)] == [4, 2]


async def test_pages_by_state_queue_and_task(store: Store) -> None:
    await end(store, failure(await run(store, "failed")))
    await put(store, "mail", queue="mail")
    await put(store, "other", name="other")
    await put(store, "other-mail", name="other", queue="mail")

    async def found(**asked: object) -> list[str]:
        return ids((await store.page(JobQuery(**asked), limit=10)).jobs)  # type: ignore[arg-type]

    assert await found(state=State.FAILED) == ["failed"]
    assert await found(state=State.RUNNING) == []
    assert await found(queue="mail") == ["other-mail", "mail"]
    assert await found(task="other") == ["other-mail", "other"]
    assert await found(state=State.QUEUED, queue="mail", task="other") == ["other-mail"]
    assert await found(state=State.FAILED, queue="mail") == []
    assert await found(queue="nowhere") == []


async def test_pages_of_a_state_hold_all_that_are_in_it_newest_first(store: Store) -> None:
    await put(store, "q1", key="k")
    await put(store, "q2", key="k")
    assert (await one(store, "q2")).hold is Hold.KEY
    await put(store, "q3", run_at=NOW + 9)
    await sign_on(store)
    await end(store, success((await take(store, n=1))[0]))
    assert [job.id for job in await take(store, n=1)] == ["q2"]
    await put(store, "q4", key="k")
    await put(store, "c1")
    await store.cancel(["c1"], now=NOW)
    found = {state: [ids(jobs) for jobs in await pages(store, JobQuery(state=state), limit=1)] for state in State}
    assert found == {
        State.QUEUED: [["q4"], ["q3"]], State.RUNNING: [["q2"]], State.SUCCEEDED: [["q1"]], State.FAILED: [[]], State.CANCELLED: [["c1"]],
    }  # fmt: skip


async def test_the_longest_running_are_those_that_began_first(store: Store) -> None:
    await run(store, "second", now=NOW + 5)
    await run(store, "first", now=NOW + 3)
    await run(store, "third", "r2", now=NOW + 7)
    await end(store, success(await run(store, "ended", now=NOW)))
    await put(store, "waits")
    assert ids(await store.longest_running(9)) == ["first", "second", "third"]
    assert ids(await store.longest_running(2)) == ["first", "second"]


async def test_filtered_pages_follow_on(store: Store) -> None:
    await store.insert([new(f"j{n}", queue=("default", "mail")[n % 2]) for n in range(20)], now=NOW)
    shown = await pages(store, JobQuery(queue="mail"), limit=3)
    assert [id for jobs in shown for id in ids(jobs)] == [f"j{n}" for n in range(19, 0, -2)]


@pytest.mark.parametrize("after", ["", "x", "-1.5", "1; DROP TABLE jobs", "9" * 40, "9" * 5_000, "\ud800", "\0", "١"])
async def test_an_unreadable_position_begins_at_the_start(store: Store, after: str) -> None:
    await put(store, "a", "b")
    assert ids((await store.page(JobQuery(), limit=10, after=after)).jobs) == ["b", "a"]


async def test_a_page_of_nothing_is_the_last(store: Store) -> None:
    page = await store.page(JobQuery(), limit=10)
    assert (list(page.jobs), page.next) == ([], None)


async def test_a_page_of_one_error_shows_the_jobs_whose_last_error_it_was(store: Store) -> None:
    for name, type in (("a", "ValueError"), ("b", "ValueErrorOfOurs"), ("c", 'Value"Error\ud800'), ("d", "ValueError")):
        await end(store, failure(await run(store, name), error=Error(type, "boom")))
    await put(store, "none")
    assert ids((await store.page(JobQuery(error="ValueError"), limit=10)).jobs) == ["d", "a"]
    assert ids((await store.page(JobQuery(error='Value"Error\ud800', state=State.FAILED), limit=10)).jobs) == ["c"]
    assert (await store.page(JobQuery(error="Value"), limit=10)).jobs == []


async def test_pages_of_a_time_hold_what_was_put_in_at_or_after_its_begin_and_before_its_end(store: Store) -> None:
    for at in range(5):
        await put(store, f"j{at}", now=NOW + at)
    assert ids((await store.page(JobQuery(since=NOW + 1, until=NOW + 3), limit=9)).jobs) == ["j2", "j1"]
    assert ids((await store.page(JobQuery(since=NOW + 4), limit=9)).jobs) == ["j4"]
    assert ids((await store.page(JobQuery(until=NOW + 1), limit=9)).jobs) == ["j0"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada@", ["args"]), ("ADA@", ["args"]), ("Müller", ["args"]), ("müller", ["args"]), ("MÜLLER", []), ('"', ["quoted"]), ("%", ["percent"]),
        ("Boom 7", ["failed"]), ("KeyError", ["failed"]), ("tenant-9", ["keyed"]), ("PERC", ["percent"]), ("\ud800", ["quoted"]), ("nowhere", []),
    ],
)  # fmt: skip
async def test_text_is_found_in_id_key_arguments_and_the_last_error_whatever_the_size_of_its_ascii_letters(
    store: Store, text: str, found: list[str]
) -> None:
    await end(store, failure(await run(store, "failed"), error=Error("KeyError", "boom 7")))
    await put(store, "args", args=dumps({"args": [], "kwargs": {"to": "Ada@example.org", "name": "Müller"}}))
    await put(store, "keyed", key="Tenant-9")
    await put(store, "quoted", args=dumps({"args": ['say "hello" \ud800'], "kwargs": {}}))
    await put(store, "percent", args=dumps({"args": ["100 %"], "kwargs": {}}))
    assert ids((await store.page(JobQuery(text=text), limit=9)).jobs) == found


async def test_whoever_follows_next_has_seen_all_that_match(store: Store) -> None:
    large = dumps({"args": ["x" * 250_000], "kwargs": {}})
    await store.insert([new(f"j{n}", args=large, name="large") for n in range(9)], now=NOW)
    seen = [id for jobs in await pages(store, JobQuery(task="large"), limit=4) for id in ids(jobs)]
    assert seen == [f"j{n}" for n in reversed(range(9))]


async def test_what_keeps_the_jobs_is_told_and_is_whole(store: Store) -> None:
    await put(store, "a")
    storage = await store.storage()
    assert storage.kind == "memory" or storage.kind.startswith("SQLite 3.")
    assert (storage.path is None) is (storage.size is None)
    assert list(await store.check()) == []
