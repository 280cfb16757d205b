"""A disk that fails: which operation, when, how often, and what has become of the data."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.crash.power.recording import Recorder
from tests.crash.power.vfs import File, Go, Layer


class Operation(StrEnum):
    READ = "read"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"


class Damage(StrEnum):
    """What a failed operation leaves behind."""

    NOTHING = "not done"
    DONE = "done all the same"
    LOST = "pages lost"  # of a sync: what it should have written is taken for clean, and never written (SyncFailed)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to fail. code: what SQLite is told."""

    operation: Operation
    code: int
    damage: Damage = Damage.NOTHING


KINDS = {
    "write": Kind(Operation.WRITE, sqlite3.SQLITE_IOERR_WRITE),
    "write-done": Kind(Operation.WRITE, sqlite3.SQLITE_IOERR_WRITE, Damage.DONE),
    "full": Kind(Operation.WRITE, sqlite3.SQLITE_FULL),
    "sync": Kind(Operation.SYNC, sqlite3.SQLITE_IOERR_FSYNC),
    "sync-done": Kind(Operation.SYNC, sqlite3.SQLITE_IOERR_FSYNC, Damage.DONE),
    "sync-lost": Kind(Operation.SYNC, sqlite3.SQLITE_IOERR_FSYNC, Damage.LOST),
    "truncate": Kind(Operation.TRUNCATE, sqlite3.SQLITE_IOERR_TRUNCATE),
    "read": Kind(Operation.READ, sqlite3.SQLITE_IOERR_READ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """The operations of this kind from the `first` (counted from 1) on fail, `times` in all."""

    kind: Kind
    first: int
    times: int

    def strikes(self, count: int) -> bool:
        return self.first <= count < self.first + self.times


class FaultyDisk(Layer):
    """A recorded disk that fails as told, until it is mended."""

    def __init__(self, recorder: Recorder, fault: Fault | None = None) -> None:
        self.recorder = recorder
        self.fault = fault  # None: sound
        self.seen: Counter[Operation] = Counter()
        self.struck: list[int] = []  # how far the recording was, at each

    def mend(self) -> None:
        self.fault = None

    def opened(self, file: File) -> None:
        self.recorder.opened(file)

    def read(self, file: File, go: Go) -> int:
        return self._perhaps(Operation.READ, file, go)

    def write(self, file: File, offset: int, data: bytes, go: Go) -> int:
        return self._perhaps(Operation.WRITE, file, lambda: self.recorder.write(file, offset, data, go))

    def truncate(self, file: File, size: int, go: Go) -> int:
        return self._perhaps(Operation.TRUNCATE, file, lambda: self.recorder.truncate(file, size, go))

    def sync(self, file: File, go: Go) -> int:
        return self._perhaps(Operation.SYNC, file, lambda: self.recorder.sync(file, go))

    def delete(self, path: str, sync_folder: bool, go: Go) -> int:
        return self.recorder.delete(path, sync_folder, go)

    def _perhaps(self, operation: Operation, file: File, go: Callable[[], int]) -> int:
        self.seen[operation] += 1
        fault = self.fault
        if fault is None or fault.kind.operation is not operation or not fault.strikes(self.seen[operation]):
            return go()
        self.struck.append(len(self.recorder.events))
        match fault.kind.damage:
            case Damage.DONE:
                go()
            case Damage.LOST:
                self.recorder.sync_failed(file)
        return fault.kind.code
