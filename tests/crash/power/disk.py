"""A disk as it could stand after a power cut: all that was synced, and any part of what was not."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.crash.power.recording import Created, Deleted, Event, FolderSynced, Synced, SyncFailed, Truncated, Written

SECTOR = 512  # bytes that a disk writes whole or not at all
TORN = 0.3  # of the writes that survive, so many do in part only (unless all do)


@dataclass(slots=True)
class _Inode:
    synced: bytearray = field(default_factory=bytearray)
    unsynced: list[Written | Truncated] = field(default_factory=list)


class Disk:
    """Follows a recording, operation by operation.

    Without a sync nothing has an order: of the operations since a file's last one any may be kept and any lost, a later one
    kept while an earlier is lost, and between two files too. A name is in the folder for sure after the folder's sync.
    """

    def __init__(self) -> None:
        self._inodes: dict[int, _Inode] = {}
        self._names: dict[str, int] = {}  # as of the folder's last sync
        self._renamed: list[tuple[str, int | None]] = []  # since then: what a name stands for, None when deleted

    def follow(self, events: Iterable[Event]) -> None:
        """Let these happen; marks leave no trace on a disk."""
        for event in events:
            self._follow(event)

    def _follow(self, event: Event) -> None:
        match event:
            case Written(inode) | Truncated(inode):
                self._inodes[inode].unsynced.append(event)
            case Synced(inode):
                self._sync(self._inodes[inode])
            case SyncFailed(inode):
                file = self._inodes[inode]
                file.unsynced = [operation for operation in file.unsynced if isinstance(operation, Truncated)]
            case Created(name, inode):
                self._inodes[inode] = _Inode()
                self._renamed.append((name, inode))
            case Deleted(name):
                self._renamed.append((name, None))
            case FolderSynced():
                for change in self._renamed:
                    _rename(self._names, *change)
                self._renamed.clear()

    def after_cut(self, chance: random.Random, keep: float) -> dict[str, bytes]:
        """The files, by name, if each unsynced operation survives with the probability `keep`; 1 keeps all, as a kill does."""
        names = dict(self._names)
        for change in self._renamed:
            if chance.random() < keep:
                _rename(names, *change)
        return {name: self._content(self._inodes[inode], chance, keep) for name, inode in names.items()}

    def _content(self, file: _Inode, chance: random.Random, keep: float) -> bytes:
        content = bytearray(file.synced)
        for operation in file.unsynced:
            if chance.random() < keep:
                if isinstance(operation, Written) and keep < 1 and chance.random() < TORN:
                    for part in _sectors(operation):
                        if chance.random() < 0.5:
                            _apply(content, part)
                else:
                    _apply(content, operation)
        return bytes(content)

    @staticmethod
    def _sync(file: _Inode) -> None:
        for operation in file.unsynced:
            _apply(file.synced, operation)
        file.unsynced.clear()


def _rename(names: dict[str, int], name: str, inode: int | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


def _apply(content: bytearray, operation: Written | Truncated) -> None:
    match operation:
        case Written(_, offset, data):
            if len(content) < offset:  # a hole
                content.extend(bytes(offset - len(content)))
            content[offset : offset + len(data)] = data
        case Truncated(_, size):
            del content[size:]
            content.extend(bytes(size - len(content)))


def _sectors(write: Written) -> list[Written]:
    """What of this write falls into each sector."""
    parts, at, end = [], write.offset, write.offset + len(write.data)
    while at < end:
        until = min(end, (at // SECTOR + 1) * SECTOR)
        parts.append(Written(write.inode, at, write.data[at - write.offset : until - write.offset]))
        at = until
    return parts
