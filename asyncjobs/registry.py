"""The tasks that one `Jobs` knows, by name and alias."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from asyncjobs.errors import ArgumentError, ConfigurationError, UnknownTask
from asyncjobs.task import Call, Task

AnyTask = Task[..., Any, Any]


class Registry(Mapping[str, AnyTask]):
    """Filled by decorators at import, read by everything after."""

    def __init__(self) -> None:
        self._tasks: dict[str, AnyTask] = {}

    def __getitem__(self, name: str) -> AnyTask:
        return self._tasks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: AnyTask) -> None:
        """Know this task by its name and aliases. Raises ConfigurationError where one is taken by another function.

        The same function again (a module that was loaded a second time) takes the place of its earlier self.
        """
        for name in (task.name, *task.aliases):
            holder = self._tasks.get(name)
            if holder is not None and not _same_function(holder, task):
                raise ConfigurationError(
                    f"task name {name!r} is taken by {_place(holder)}; {_place(task)} needs another: @jobs.task(name=...)"
                )
        for name in (task.name, *task.aliases):
            self._tasks[name] = task

    def find(self, wanted: object) -> AnyTask:
        """The registered task that was meant by a Task or a name. Raises UnknownTask, ArgumentError."""
        if isinstance(wanted, Task):
            if self._tasks.get(wanted.name) is not wanted:
                raise ArgumentError(f"task {wanted.name!r} belongs to another Jobs; enqueue it there: `await task.enqueue(...)`")
            return wanted
        if inspect.iscoroutine(wanted):
            wanted.close()
            raise ArgumentError(
                f"{wanted.__qualname__}(...) was called, which ran nothing yet; give the task and its arguments apart: "
                f"`await jobs.enqueue({wanted.__name__}, ...)`"
            )
        if isinstance(wanted, Call):
            raise ArgumentError(
                f"{wanted.task.name}.call(...) is for several at once: `await jobs.enqueue_many([call])`; for one write "
                f"`await {wanted.task.function.__name__}.enqueue(...)`, with the arguments that you gave to call"
            )
        if isinstance(wanted, str):
            try:
                return self._tasks[wanted]
            except KeyError:
                raise UnknownTask(wanted, self._tasks) from None
        raise UnknownTask(getattr(wanted, "__qualname__", repr(wanted)), self._tasks)


def _same_function(one: AnyTask, other: AnyTask) -> bool:
    mine, theirs = one.function, other.function
    return (mine.__module__, mine.__qualname__) == (
        theirs.__module__,
        theirs.__qualname__,
    ) and "<locals>" not in mine.__qualname__


def _place(task: AnyTask) -> str:
    return f"{task.function.__module__}.{task.function.__qualname__}"
