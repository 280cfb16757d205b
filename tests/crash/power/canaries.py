"""Stores with a guard removed, by which a campaign shows that it would see the fault that it is for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest import mock

from asyncjobs.store.sqlite import claiming
from asyncjobs.store.sqlite.log import Log
from asyncjobs.store.sqlite.transaction import Operation
from asyncjobs.store.sqlite.writer import Writer


@contextmanager
def never_synced() -> Iterator[None]:
    """The writer commits with NORMAL where it promises FULL."""
    enter = Writer._enter

    def unsynced(self: Writer, operation: Operation) -> Any:
        operation.synced = False
        return enter(self, operation)

    with mock.patch.object(Writer, "_enter", unsynced):
        yield


@contextmanager
def without_floor() -> Iterator[None]:
    """Tokens go on from what is on disk, whatever generation it is."""
    claim = claiming.claim

    def groundless(*arguments: Any, floor: int, **others: Any) -> Any:
        return claim(*arguments, floor=0, **others)

    with mock.patch.object(claiming, "claim", groundless):
        yield


@contextmanager
def log_kept() -> Iterator[None]:
    """After an I/O error the database is reopened, and its log gone on with."""
    with mock.patch.object(Log, "empty", return_value=None):
        yield


@contextmanager
def checkpoint_unheeded() -> Iterator[None]:
    """A checkpoint that has failed is a line in the log, and no more."""
    checkpoint = Log.checkpoint

    def shrugging(self: Log, connection: sqlite3.Connection) -> bool:
        checkpoint(self, connection)
        return True

    with mock.patch.object(Log, "checkpoint", shrugging):
        yield


@contextmanager
def pages_trusted() -> Iterator[None]:
    """Pages of the database that a failed sync may have dropped are taken for safe."""
    with mock.patch.object(Log, "_write_every_page", return_value=None):
        yield


@contextmanager
def close_unheeded() -> Iterator[None]:
    """A store that closes mends nothing."""

    async def shrugging(self: Writer) -> None:
        self._committer.needs_reopening = False

    with mock.patch.object(Writer, "_reopen", shrugging):
        yield


@contextmanager
def close_trusted() -> Iterator[None]:
    """A store closes as ever, whether what had failed could be mended or not."""
    finish = Writer.finish

    async def trusting(self: Writer) -> bool:
        await finish(self)
        return True

    with mock.patch.object(Writer, "finish", trusting):
        yield


Canaries = Mapping[str, Callable[[], AbstractContextManager[None]]]

CUTS: Canaries = {"none": nullcontext, "never-synced": never_synced, "without-floor": without_floor}  # the campaign sees each
SWEEP: Canaries = {"none": nullcontext, "log-kept": log_kept}  # so does the sweep
SCENES: Canaries = {
    **SWEEP, "checkpoint-unheeded": checkpoint_unheeded, "pages-trusted": pages_trusted,
    "close-unheeded": close_unheeded, "close-trusted": close_trusted,
}  # fmt: skip
