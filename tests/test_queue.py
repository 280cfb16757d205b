"""Queues as they are configured."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.errors import ConfigurationError
from asyncjobs.queue import Limits, Queue, queues_of
from asyncjobs.rate import Rate


def test_a_number_is_a_limit() -> None:
    assert queues_of({"default": 20, "mail": Queue(limit=3)}) == {"default": Queue(limit=20), "mail": Queue(limit=3)}


def test_queues_keep_their_order() -> None:
    assert list(queues_of({"b": 1, "a": 1})) == ["b", "a"]


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3", None, 10**400, pytest.param(10**5000, id="huge")])
def test_a_limit_that_cannot_work_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Queue\(limit="):
        Queue(limit=limit)
    with pytest.raises(ConfigurationError, match=r"Queue\(limit="):
        queues_of({"mail": limit})


def test_no_queues_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="leaves nowhere to put a job"):
        queues_of({})


@pytest.mark.parametrize("name", ["", "a\0b", 5])
def test_a_queue_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="queue name"):
        queues_of({name: 1})


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3", 10**400])
def test_a_global_limit_that_cannot_work_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Queue\(global_limit=.*pause it"):
        Queue(global_limit=limit)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3", 10**400])
def test_a_number_of_waiting_ones_that_cannot_work_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Queue\(max_waiting="):
        Queue(max_waiting=limit)


@pytest.mark.parametrize("given", [{"rate": "ten"}, {"rate": "0/s"}, {"rate": 10}, {"rate": "10/s", "burst": 0}, {"burst": 3}])
def test_a_rate_that_cannot_work_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Queue(**given)


def test_only_what_holds_over_all_processes_is_asked_of_the_store() -> None:
    assert Queue(limit=3).limits is None
    assert Queue(global_limit=2).limits == Limits(2)
    assert Queue(rate="50/s").limits == Limits(None, Rate(20.0, 5))
    assert Queue(rate="50/s", burst=1, global_limit=2).limits == Limits(2, Rate(20.0, 1))
