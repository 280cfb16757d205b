"""Queues as they are configured."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.errors import ConfigurationError
from asyncjobs.queue import Queue, queues_of


def test_a_number_is_a_limit() -> None:
    assert queues_of({"default": 20, "mail": Queue(limit=3)}) == {"default": Queue(limit=20), "mail": Queue(limit=3)}


def test_queues_keep_their_order() -> None:
    assert list(queues_of({"b": 1, "a": 1})) == ["b", "a"]


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3", None])
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
