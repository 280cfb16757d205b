"""From the loop to the thread: nothing is left lying while the thread sleeps."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import cast

import pytest

from asyncjobs.store.sqlite import inbox as module
from asyncjobs.store.sqlite.inbox import Inbox
from asyncjobs.store.sqlite.transaction import Operation, Rank

NOBODY = cast("asyncio.Future[object]", None)  # these are never answered


def operations(count: int, rows: int = 1) -> list[Operation]:
    return [Operation(Rank.CHANGE, False, NOBODY, rows=rows) for _ in range(count)]


def filled(*items: Operation) -> Inbox:
    inbox = Inbox()
    for item in items:
        inbox.put(item)
    return inbox


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
    sleeper = threading.Thread(target=inbox.wait)
    sleeper.start()
    while not inbox._asleep:  # the thread has got so far within a millisecond or two
        time.sleep(0)
    assert [inbox.put(operation) for operation in operations(3)] == [True, False, False]
    inbox.wake()
    sleeper.join(10)
    assert not sleeper.is_alive()


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
    given = operations(20_000)
    for number, operation in enumerate(given):
        if inbox.put(operation):
            inbox.wake()
        while number % 10 == 0 and len(taken) <= number and taker.is_alive():  # let it fall asleep now and then
            time.sleep(0)
    inbox.recall()
    taker.join(10)
    assert taken == given
