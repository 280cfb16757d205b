"""Keys of tasks: how they are read from the arguments, and what they do to a runner."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from asyncjobs import ArgumentError, ConfigurationError, Jobs
from tests.fakes import FakeClock, settled


async def nothing(customer_id: int, note: str = "x", *, loud: bool = False) -> None: ...


def key_of(jobs: Jobs, *args: Any, options: dict[str, Any] | None = None, **kwargs: Any) -> str | None:
    task = jobs._tasks["t"]
    call = task.options(**options).call(*args, **kwargs) if options else task.call(*args, **kwargs)
    return call.new_job("id", 0).key


# --- read from the arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "customer_id",
        lambda customer_id, **_: customer_id,
        lambda **given: given["customer_id"],
        lambda customer_id, note, loud: f"{customer_id}",
    ],
)
def test_a_key_is_a_parameter_or_a_function_of_the_arguments(jobs: Jobs, key: Any) -> None:
    jobs.task(name="t", key=key)(nothing)
    assert key_of(jobs, 7) == key_of(jobs, customer_id=7, loud=True) == key_of(jobs, 7, "y") == "t#7"


def test_a_key_function_sees_defaults(jobs: Jobs) -> None:
    jobs.task(name="t", key=lambda note, loud, **_: f"{note} {loud}")(nothing)
    assert key_of(jobs, 7) == "t#x False"


def test_options_say_another_key(jobs: Jobs) -> None:
    jobs.task(name="t", key="customer_id")(nothing)
    assert key_of(jobs, 7, options={"key": "eight"}) == "t#eight"
    jobs.task(name="u")(lambda: None)
    assert jobs._tasks["u"].options(key="k").call().new_job("id", 0).key == "u#k"


def test_a_task_without_a_key_has_none_and_none_is_none(jobs: Jobs) -> None:
    jobs.task(name="t", key=lambda customer_id, **_: customer_id or None)(nothing)
    assert key_of(jobs, 0) is None
    assert jobs.task(name="u")(lambda: None).call().new_job("id", 0).key is None


def test_a_uuid_is_a_key(jobs: Jobs) -> None:
    account = UUID(int=5)

    @jobs.task(name="t", key="account")
    async def t(account: UUID) -> None: ...

    assert key_of(jobs, account) == f"t#{account}"


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (lambda customer_id, **_: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda customer: customer, "unexpected keyword argument"),
        (lambda **_: 1.5, "a text, a whole number or a UUID"),
        (lambda **_: True, "a text, a whole number or a UUID"),
        (lambda **_: "", "is empty"),
        (lambda **_: "a\0b", "not printable"),
        (lambda **_: "x" * 1_000_000, "1,000,000 characters"),
    ],
)
async def test_a_key_that_can_not_be_fails_the_enqueue_in_a_sentence(running: Jobs, key: Any, sentence: str) -> None:
    running.task(name="t", key=key)(nothing)
    with pytest.raises(ArgumentError, match=sentence):
        await running.enqueue("t", 7)
    with pytest.raises(ArgumentError, match="missing a required argument"):  # not the key function's fault
        await running.enqueue("t")
    assert (await running.list()).jobs == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"key": "customer"}, "names no parameter of t; there are: customer_id, note, loud"),
        ({"key": 5}, "the name of a parameter, or a function"),
        ({"key": "customer_id", "key_limit": 0}, "key_limit=0"),
        ({"key": "customer_id", "key_limit": True}, "key_limit=True"),
        ({"key": "customer_id", "key_limit": 10**400}, "key_limit=1000.*to 1,000,000,000"),
        ({"key": str}, "no class, no async def"),
        ({"key": nothing}, "no class, no async def"),
    ],
)
def test_a_key_that_can_not_be_is_refused_where_it_is_given(jobs: Jobs, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        jobs.task(name="t", **given)(nothing)


@pytest.mark.parametrize("key", ["", "x" * 1_001, 5, "a\nb"])
def test_a_key_of_options_that_can_not_be_is_refused(jobs: Jobs, key: Any) -> None:
    with pytest.raises(ArgumentError, match="key="):
        jobs.task(name="t")(nothing).options(key=key)


# --- while it runs -----------------------------------------------------------------------------------------------------


async def test_of_each_customer_one_job_runs_at_a_time_with_nothing_lost_between(jobs: Jobs, clock: FakeClock) -> None:
    running: dict[int, int] = {}
    most: dict[int, int] = {}
    ended: list[tuple[int, int]] = []

    @jobs.task(key="customer", key_limit=1)
    async def sync(customer: int, n: int) -> None:
        running[customer] = running.get(customer, 0) + 1
        most[customer] = max(most.get(customer, 0), running[customer])
        for _ in range(4):
            await asyncio.sleep(0)
        running[customer] -= 1
        ended.append((customer, n))

    async with jobs.running():
        await clock.advance(0.1)
        await jobs.enqueue_many([sync.call(customer, n) for n in range(10) for customer in range(3)])
        await settled()  # no second passes: an end lets the next go at once
    assert most == {0: 1, 1: 1, 2: 1}
    assert [[n for customer, n in ended if customer == one] for one in range(3)] == [list(range(10))] * 3


async def test_a_slow_customer_keeps_no_other_waiting(jobs: Jobs, clock: FakeClock) -> None:
    go_on, ended = asyncio.Event(), []

    @jobs.task(key="customer")
    async def sync(customer: str) -> None:
        if customer == "slow":
            await go_on.wait()
        ended.append(customer)

    async with jobs.running():
        await clock.advance(0.1)
        await jobs.enqueue_many([sync.call("slow") for _ in range(100)] + [sync.call("quick") for _ in range(3)])
        await settled()
        assert ended == ["quick"] * 3
        go_on.set()
        await settled()
        assert len(ended) == 103


async def test_an_end_lets_one_of_another_queue_begin_at_once(jobs: Jobs, clock: FakeClock) -> None:
    go_on, ended = asyncio.Event(), []

    @jobs.task(key="customer")
    async def sync(customer: str, n: int) -> None:
        if n == 0:
            await go_on.wait()
        ended.append(n)

    async with jobs.running():
        await clock.advance(0.1)
        await sync.enqueue("a", 0)
        await sync.options(queue="slow").enqueue("a", 1)
        await clock.advance(0.1)  # which held it: its queue has nothing due any more
        go_on.set()
        await settled()
        assert ended == [0, 1]


async def test_cancelling_one_that_waits_lets_the_next_go(jobs: Jobs, clock: FakeClock) -> None:
    go_on, ended = asyncio.Event(), []

    @jobs.task(key="customer")
    async def sync(customer: str, n: int) -> None:
        await go_on.wait()
        ended.append(n)

    async with jobs.running():
        await clock.advance(0.1)
        first, second, third = await jobs.enqueue_many([sync.call("a", n) for n in range(3)])
        await settled()
        await second.cancel()
        await first.cancel()
        await settled()
        go_on.set()
        await settled()
        assert ended == [2]
        assert third.created
