"""Who is alive: whose lock can't be had. No heartbeat, no threshold, no clock.

One file per registered runner, under an open-file-description lock that the kernel drops with the process: at once after
kill -9, never while the process is merely slow, stopped or blocked. Plain `lockf` locks are dropped by any open-and-close of
the file in their process, and `flock` locks live on in forked children (both measured 2026-11); an open-file-description lock
does neither, once forked children close what they inherited.
"""

from __future__ import annotations

import fcntl
import os
import struct
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SET, _GET = getattr(fcntl, "F_OFD_SETLK", None), getattr(fcntl, "F_OFD_GETLK", None)
_FLOCK = "@hhqqi4x"  # struct flock: type, whence, start, length, pid

_locks: weakref.WeakSet[Lock] = weakref.WeakSet()  # of this process, for its forked children
_held_here: set[str] = set()  # paths that this process has locked, by whichever handle: alive without a probe


@dataclass(frozen=True, slots=True)
class Process:
    """Which process a runner was: enough to tell it from a later one with the same number."""

    pid: int
    boot_id: str
    started: str

    @classmethod
    def this(cls) -> Process:
        return cls(os.getpid(), _read("/proc/sys/kernel/random/boot_id"), _started(os.getpid()))

    def may_live(self) -> bool:
        """False only where the system proves that it is gone."""
        if not self.boot_id or not self.started:
            return True
        try:
            return self.boot_id == _read("/proc/sys/kernel/random/boot_id") and self.started == _started(self.pid)
        except OSError:  # too many open files, say: who can't be looked at is not dead
            return True


class Lock:
    """An exclusive lock on a file, held by this descriptor alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _locks.add(self)

    def try_acquire(self) -> bool:
        return _try_lock(self._descriptor)

    def release(self) -> None:
        _unlock(self._descriptor)

    def close(self) -> None:
        """Let go of lock and descriptor; harmless twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Liveness:
    """The evidence for one store's runners, in a folder beside the database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._locks: dict[str, Lock] = {}  # runner → its lock; written by acquire() and release()

    def acquire(self, runner: str) -> None:
        """Be alive as this runner, until release() or the end of the process. Raises OSError."""
        if runner not in self._locks:
            self._show(runner)

    def renew(self) -> None:
        """Show what was removed again: somebody may have cleaned a folder that was none of theirs. Never raises OSError."""
        for runner, lock in list(self._locks.items()):
            if not os.path.exists(self._path(runner)):
                with suppress(OSError):  # it may do so at the next beat
                    self._show(runner)
                    lock.close()

    def _show(self, runner: str) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        hidden = self.folder / f".{runner}.new"
        lock = Lock(hidden)
        if not lock.try_acquire():
            lock.close()
            raise OSError(f"{hidden} is locked by another process")
        _held_here.add(str(self._path(runner)))  # before a probe of our own can find it
        hidden.rename(self._path(runner))  # nobody sees the file without its lock
        self._locks[runner] = lock

    def release(self, runner: str) -> None:
        """Drop the lock, and nothing else: as the process's death does."""
        lock = self._locks.pop(runner, None)
        if lock is not None:
            _held_here.discard(str(self._path(runner)))
            lock.close()

    def retire(self, runner: str) -> None:
        """Drop the lock and its file: signed off. One that nobody knows: nothing happens."""
        if runner in self.known():
            self.forget(runner)
        self.release(runner)

    def forget(self, runner: str) -> None:
        """Remove the file of a runner that is dead, or signs off."""
        for path in (self._path(runner), self.folder / f"{runner}.sock"):
            with suppress(OSError):  # what can't be removed stays, unlocked, and says no more
                path.unlink()

    def known(self) -> set[str]:
        """Every runner that has a file."""
        try:
            names = os.listdir(self.folder)
        except OSError:  # not there, or not ours to read: then nobody is known by it
            return set()
        return {name.removesuffix(".lock") for name in names if name.endswith(".lock") and not name.startswith(".")}

    def changed_at(self) -> int:
        """When a file last came or went in the folder, ns; 0 when there is no folder."""
        try:
            return os.stat(self.folder).st_mtime_ns
        except OSError:
            return 0

    def siblings(self) -> list[str]:
        """Other handles' runners that are alive."""
        return sorted(runner for runner in self.known() if runner not in self._locks and self._locked(runner))

    def is_alive(self, runner: str, process: Process | None) -> bool:
        """Whether this runner lives; `process` is what it registered as, None when it was forgotten."""
        if str(self._path(runner)) in _held_here:
            return True
        if os.path.exists(self._path(runner)):
            return self._locked(runner)
        # A missing file is no proof of death: somebody may have cleaned the folder. Of this process we know better.
        return process is not None and process.pid != os.getpid() and process.may_live()

    def _path(self, runner: str) -> Path:
        return self.folder / f"{runner}.lock"

    def _locked(self, runner: str) -> bool:
        path = self._path(runner)
        if str(path) in _held_here:  # where locks are the process's, opening and closing the file would drop ours
            return True
        try:
            # To ask who holds a lock wants no right to write; to try it does.
            descriptor = os.open(path, (os.O_RDWR if _GET is None else os.O_RDONLY) | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:  # another user's, or too many open files: no proof of death
            return True
        try:
            return _is_locked(descriptor)
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if _SET is None:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            fcntl.fcntl(descriptor, _SET, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _unlock(descriptor: int) -> None:
    if _SET is None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
    else:
        fcntl.fcntl(descriptor, _SET, struct.pack(_FLOCK, fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0))


def _is_locked(descriptor: int) -> bool:
    if _GET is None:
        if not _try_lock(descriptor):
            return True
        _unlock(descriptor)
        return False
    answer = fcntl.fcntl(descriptor, _GET, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


def _read(path: str) -> str:
    """Empty where there is none; raises OSError where that can't be told."""
    with suppress(FileNotFoundError, ProcessLookupError), open(path) as file:
        return file.read().strip()
    return ""


def _started(pid: int) -> str:
    """When this process started, in the kernel's ticks since boot; empty when it is gone or the system doesn't tell."""
    stat = _read(f"/proc/{pid}/stat")
    return stat.rpartition(")")[2].split()[19] if stat else ""


def _after_fork_in_child() -> None:
    """A forked child shares our descriptors, and would keep a dead parent's locks alive."""
    for lock in list(_locks):
        lock.close()
    _held_here.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
