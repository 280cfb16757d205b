"""The sequence of everything that reached the disk, with what the store was asked and has acknowledged, in one order."""

from __future__ import annotations

import os
import pickle
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.power.vfs import File, Go, Kind, Layer


@dataclass(frozen=True, slots=True)
class Created:
    """A name in the folder stands for this new file."""

    name: str
    inode: int


@dataclass(frozen=True, slots=True)
class Deleted:
    name: str


@dataclass(frozen=True, slots=True)
class FolderSynced:
    pass


@dataclass(frozen=True, slots=True)
class Written:
    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    inode: int
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    inode: int


@dataclass(frozen=True, slots=True)
class SyncFailed:
    """The system could not write what was unsynced, said so once, and holds it for clean: reads see it, the disk never does."""

    inode: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A verb of the store was called; `what` is what a judge must know of its arguments."""

    call: int
    verb: str
    what: Any


@dataclass(frozen=True, slots=True)
class Answered:
    """It has returned: from here on the caller holds the store to it."""

    call: int
    answer: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """It has raised."""

    call: int
    error: str  # the class's name


DiskEvent = Created | Deleted | FolderSynced | Written | Truncated | Synced | SyncFailed
Mark = Asked | Answered | Refused
Event = DiskEvent | Mark


class Recorder(Layer):
    """Carries everything out and keeps its order. `events.append` is atomic, so every thread may record.

    An operation is recorded once it is done and before SQLite hears of it: what is acknowledged because of it comes later.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._inodes: dict[str, int] = {}  # by path, of what is there now
        self._count = 0
        self._calls = 0
        self._files: set[File] = set()  # opened under this recorder; what another has seen opened is not of this disk
        self._folder_owed: set[File] = set()  # see sync()

    # --- the disk

    def opened(self, file: File) -> None:
        if file.path not in self._inodes:
            # The store makes the database's file empty before SQLite has it; whatever else is there was never recorded.
            if os.stat(file.path).st_size:
                raise RuntimeError(f"{file.path} was there before the recording began")
            self._count += 1
            self._inodes[file.path] = self._count
            self.events.append(Created(os.path.basename(file.path), self._count))
        file.inode = self._inodes[file.path]
        self._files.add(file)
        if file.kind & Kind.CREATE and file.kind & (Kind.JOURNAL | Kind.LOG):
            self._folder_owed.add(file)

    def write(self, file: File, offset: int, data: bytes, go: Go) -> int:
        return self._done(file, go, Written(file.inode, offset, data))

    def truncate(self, file: File, size: int, go: Go) -> int:
        return self._done(file, go, Truncated(file.inode, size))

    def sync(self, file: File, go: Go) -> int:
        """With the first sync of a journal or log that it may have created, SQLite syncs the folder too (os_unix.c, unixSync)."""
        result = self._done(file, go, Synced(file.inode))
        if result == sqlite3.SQLITE_OK and file in self._folder_owed:
            self._folder_owed.discard(file)
            self.events.append(FolderSynced())
        return result

    def sync_failed(self, file: File) -> None:
        """Instead of sync(): see SyncFailed."""
        self.events.append(SyncFailed(file.inode))

    def delete(self, path: str, sync_folder: bool, go: Go) -> int:
        result = go()
        if result == sqlite3.SQLITE_OK and self._inodes.pop(path, None) is not None:
            self.events.append(Deleted(os.path.basename(path)))
            if sync_folder:
                self.events.append(FolderSynced())
        return result

    def _done(self, file: File, go: Go, event: DiskEvent) -> int:
        if file not in self._files:
            raise RuntimeError(f"{file.path} was left open from an earlier recording")
        result = go()
        if result == sqlite3.SQLITE_OK:
            self.events.append(event)
        return result

    # --- the ledger

    def asked(self, verb: str, what: Any) -> int:
        """The number of the call, for its answer."""
        self._calls += 1
        self.events.append(Asked(self._calls, verb, what))
        return self._calls

    def answered(self, call: int, answer: Any) -> None:
        self.events.append(Answered(call, answer))

    def refused(self, call: int, error: BaseException) -> None:
        self.events.append(Refused(call, type(error).__name__))

    def save(self, path: Path) -> None:
        path.write_bytes(pickle.dumps(self.events, protocol=5))


def load(path: Path) -> list[Event]:
    """What a child of ours has saved."""
    events: list[Event] = pickle.loads(path.read_bytes())
    return events
