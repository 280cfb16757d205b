"""Between SQLite and the disk: a VFS that hands every file operation to a Layer, which carries it out, or does not.

By ctypes into the very library that the `sqlite3` module uses, so that the store under test, its connections, threads and shared
memory are the real ones. The struct layouts are those of sqlite3.h, whose first version of them is frozen. The shared memory
(-shm) doesn't pass here, and no disk after a power cut has it.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import sqlite3
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

Go = Callable[[], int]  # does the real thing; SQLite's result code


class Kind(IntFlag):
    """What a file is opened as: of sqlite3.h's SQLITE_OPEN_*, those that we follow."""

    CREATE = 0x4
    DATABASE = 0x100
    JOURNAL = 0x800
    LOG = 0x80000


@dataclass(slots=True, eq=False)
class File:
    """One handle that SQLite has. inode: the Layer's own word for what is open."""

    path: str
    kind: Kind
    inode: int = -1


class Layer:
    """What happens at each file operation; this one lets it happen. Called on SQLite's threads, one operation of a file at a time."""

    def opened(self, file: File) -> None:
        """It is open, and created where it was not there."""

    def read(self, file: File, go: Go) -> int:
        return go()

    def write(self, file: File, offset: int, data: bytes, go: Go) -> int:
        return go()

    def truncate(self, file: File, size: int, go: Go) -> int:
        return go()

    def sync(self, file: File, go: Go) -> int:
        return go()

    def delete(self, path: str, sync_folder: bool, go: Go) -> int:
        return go()


class Unsynced(Layer):
    """For files that nobody needs after the next power cut: a sync is not waited for."""

    def sync(self, file: File, go: Go) -> int:
        return sqlite3.SQLITE_OK


_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_READ = _WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _VFS(Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", _OPEN),
        ("xDelete", _DELETE),
        ("others", c_void_p * 14),  # xAccess to xNextSystemCall (version 3)
    )


class _Methods(Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("xClose", c_void_p),
        ("xRead", _READ),
        ("xWrite", _WRITE),
        ("xTruncate", _TRUNCATE),
        ("xSync", _SYNC),
        ("others", c_void_p * 13),  # xFileSize to xUnfetch (version 3)
    )


class _Handle(Structure):
    _fields_ = (("pMethods", POINTER(_Methods)),)


class Interposer:
    """The default VFS of this process from now on, for every connection opened later. Install once, and keep it."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer  # may be replaced while nothing is open
        self.failures: list[BaseException] = []  # of ours, inside a callback, where nothing can be raised
        self._files: dict[int, File] = {}  # by the address of SQLite's handle, which a later one may take over
        self._methods: dict[int, _Methods] = {}  # ours, by the address of those that they stand for
        library = _library()
        library.sqlite3_vfs_find.restype = POINTER(_VFS)
        self._default = library.sqlite3_vfs_find(None)
        self._vfs = _VFS.from_buffer_copy(self._default.contents)
        if self._vfs.iVersion > 3:
            raise RuntimeError(
                f"SQLite {sqlite3.sqlite_version} has a VFS of version {self._vfs.iVersion}; known here are 1 to 3"
            )
        self._vfs.zName = b"interposed"
        self._vfs.xOpen = _OPEN(self._guarded(self._open))
        self._vfs.xDelete = _DELETE(self._guarded(self._delete))
        if library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) != sqlite3.SQLITE_OK:
            raise RuntimeError("SQLite has refused our VFS")

    def check(self) -> None:
        """Raise what went wrong in here, which SQLite was told to be an I/O error."""
        if self.failures:
            raise self.failures[0]

    def _guarded(self, function: Callable[..., int]) -> Callable[..., int]:
        def guarded(*arguments: Any) -> int:
            try:
                return function(*arguments)
            except BaseException as error:  # ctypes would print it and answer 0, which is success
                self.failures.append(error)
                return sqlite3.SQLITE_IOERR

        return guarded

    def _open(self, _: int, name: int | None, address: int, flags: int, out: int | None) -> int:
        result: int = self._default.contents.xOpen(ctypes.addressof(self._default.contents), name, address, flags, out)
        kind = Kind(flags) & (Kind.CREATE | Kind.DATABASE | Kind.JOURNAL | Kind.LOG)
        if result == sqlite3.SQLITE_OK and name is not None and kind & ~Kind.CREATE:
            handle = ctypes.cast(address, POINTER(_Handle)).contents
            handle.pMethods = ctypes.pointer(self._methods_for(handle.pMethods))
            file = self._files[address] = File(ctypes.string_at(name).decode(), kind)
            self.layer.opened(file)
        return result

    def _delete(self, _: int, name: int, sync_folder: int) -> int:
        def go() -> int:
            result: int = self._default.contents.xDelete(ctypes.addressof(self._default.contents), name, sync_folder)
            return result

        return self.layer.delete(ctypes.string_at(name).decode(), bool(sync_folder), go)

    def _methods_for(self, original: Any) -> _Methods:
        """A copy of these in which ours stand, all others unchanged."""
        theirs = original.contents
        address = ctypes.addressof(theirs)
        if address not in self._methods:
            if theirs.iVersion > 3:
                raise RuntimeError(
                    f"SQLite {sqlite3.sqlite_version} has I/O methods of version {theirs.iVersion}; known are 1 to 3"
                )
            ours, files = _Methods.from_buffer_copy(theirs), self._files

            def read(at: int, buffer: int, amount: int, offset: int) -> int:
                return self.layer.read(files[at], lambda: theirs.xRead(at, buffer, amount, offset))

            def write(at: int, buffer: int, amount: int, offset: int) -> int:
                data = ctypes.string_at(buffer, amount)
                return self.layer.write(files[at], offset, data, lambda: theirs.xWrite(at, buffer, amount, offset))

            def truncate(at: int, size: int) -> int:
                return self.layer.truncate(files[at], size, lambda: theirs.xTruncate(at, size))

            def sync(at: int, flags: int) -> int:
                return self.layer.sync(files[at], lambda: theirs.xSync(at, flags))

            ours.xRead, ours.xWrite = _READ(self._guarded(read)), _WRITE(self._guarded(write))
            ours.xTruncate, ours.xSync = _TRUNCATE(self._guarded(truncate)), _SYNC(self._guarded(sync))
            self._methods[address] = ours
        return self._methods[address]


def _library() -> ctypes.CDLL:
    """SQLite, as the sqlite3 module has it: through that module's own file, or the process where it is built in."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    if not hasattr(library, "sqlite3_vfs_register"):
        raise RuntimeError(f"{_sqlite3!r} doesn't let its SQLite be reached; a Python whose SQLite is a shared library does")
    return library
