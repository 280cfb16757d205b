"""From the loop to the thread: nothing is left lying while the thread sleeps."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from typing import cast

import pytest

from asyncjobs.store.sqlite import inbox as module
from asyncjobs.store.sqlite.inbox import Inbox
from asyncjobs.store.sqlite.transaction import Operation, Rank

WITHIN = 10  # seconds
NOBODY = cast("asyncio.Future[object]", None)  # these are never answered


def operations(count: int, rows: int = 1) -> list[Operation]:
    return [Operation(Rank.CHANGE, False, NOBODY, rows=rows) for _ in range(count)]


def filled(*items: Operation) -> Inbox:
    inbox = Inbox()
    for item in items:
        inbox.put(item)
    return inbox


def sleeper(inbox: Inbox) -> Future[bool]:
    """A thread that has fallen asleep in wait(); what that returns."""
    found = Future[bool]()
    threading.Thread(target=lambda: found.set_result(inbox.wait()), daemon=True).start()
    give_up = time.monotonic() + WITHIN
    while not inbox._asleep:
        assert time.monotonic() < give_up
        time.sleep(0)
    return found


def test_first_in_is_first_out() -> None:
    a, b = operations(2)
    assert filled(a, b).take() == [a, b]


@pytest.mark.parametrize(("waiting", "taken"), [(0, 0), (1, 1), (40, 40), (41, 20), (64, 32)])
def test_a_batch_is_all_that_waits_or_half_of_what_is_worth_halving(waiting: int, taken: int) -> None:
    assert len(filled(*operations(waiting)).take()) == taken


def test_a_batch_has_so_many_rows_at_most_and_one_operation_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 10)
    inbox = filled(*operations(3, rows=5), *operations(1, rows=25), *operations(1))
    assert [len(inbox.take()) for _ in range(5)] == [2, 1, 1, 1, 0]


def test_only_who_finds_the_thread_asleep_wakes_it_and_only_once() -> None:
    inbox = Inbox()
    assert not inbox.put(operations(1)[0])  # nobody has waited yet
    inbox.take()
    found = sleeper(inbox)
    assert [inbox.put(operation) for operation in operations(3)] == [True, False, False]
    inbox.wake()
    assert found.result(WITHIN)


def test_a_recall_ends_the_sleep() -> None:
    inbox = Inbox()
    found = sleeper(inbox)
    inbox.recall()
    assert not found.result(WITHIN)


def test_a_recall_comes_after_what_waits() -> None:
    inbox = filled(*operations(1))
    inbox.recall()
    assert inbox.wait()
    inbox.take()
    assert not inbox.wait()


def test_nothing_is_left_lying() -> None:
    """However the steps of the two threads fall between each other; a wake-up that is lost would leave the taker asleep."""
    inbox, taken = Inbox(), list[Operation]()

    def take() -> None:
        while inbox.wait():
            taken.extend(inbox.take())

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    given, give_up = operations(20_000), time.monotonic() + 6 * WITHIN
    for number, operation in enumerate(given):
        if inbox.put(operation):
            inbox.wake()
        while number % 10 == 0 and len(taken) <= number:  # let it fall asleep now and then
            assert time.monotonic() < give_up, f"{number} was left lying"
            time.sleep(0)
    inbox.recall()
    taker.join(WITHIN)
    assert not taker.is_alive()
    assert taken == given
