"""Other living processes on the same file: taking turns at writing, and waking them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from asyncjobs.clock import Clock, pause
from asyncjobs.store.sqlite.liveness import Liveness, Lock

REFRESH = 1.0  # seconds between looks at who lives, unless a file has come or gone
PATIENCE = 2.0  # seconds to wait for a turn; then without one: a lock file must never stop the work
POLL = 0.0004  # seconds, the mean between tries for a turn


class Gate:
    """Turns at writing, in front of SQLite's own lock, whose busy handler starves some (measured: up to 3.6 s among four)."""

    def __init__(self, liveness: Liveness, clock: Clock) -> None:
        self._liveness = liveness
        self._clock = clock
        self._looked_at = float("-inf")
        self._folder_as_of = 0  # ns, when a file last came or went there, as of the last look
        self._lock: Lock | None = None
        self._patience = PATIENCE  # none after a wait in vain, until a turn is had: who holds it may be stopped for long
        self.siblings: list[str] = []  # runners of other handles; written by refresh(), on the writer's thread

    def refresh(self, *, now: bool = False) -> None:
        """Look who lives: when somebody has come or signed off, and once a second for those who died."""
        folder_as_of = self._liveness.changed_at()
        if now or folder_as_of != self._folder_as_of or self._clock.monotonic() - self._looked_at > REFRESH:
            self._looked_at, self._folder_as_of = self._clock.monotonic(), folder_as_of
            self.siblings = self._liveness.siblings()

    def enter(self) -> bool:
        """Wait for the turn while siblings live; whether leave() must follow."""
        self.refresh()
        if not self.siblings:
            return False
        try:
            if self._lock is None:
                self._lock = Lock(self._liveness.folder / "write.gate")
            give_up = self._clock.monotonic() + self._patience
            while not self._lock.try_acquire():
                if self._clock.monotonic() >= give_up:
                    self._patience = 0.0
                    return False
                pause(POLL * (0.5 + self._clock.random()))
        except OSError:  # the folder is gone, or full: fairness is a comfort, not a duty
            return False
        self._patience = PATIENCE
        return True

    def leave(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class Waker:
    """Datagrams between the runners of one folder: each names queues that may have work, separated by newlines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sender: socket.socket | None = None
        self._directory = -1

    def tell(self, runners: Iterable[str], queues: Iterable[str]) -> None:
        """Wake these runners; who can't be reached finds the work at its next look. Never raises OSError."""
        text = "\n".join(sorted(queues)).encode()
        with suppress(OSError):
            sender = self._ready()
            for runner in runners:
                with suppress(OSError):
                    sender.sendto(text if len(text) < 8192 else b"", _address(self._folder, self._directory, runner))

    def _ready(self) -> socket.socket:
        if self._sender is None:
            directory = _open_folder(self._folder)
            try:
                self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            except BaseException:
                _close(directory)
                raise
            self._sender.setblocking(False)
            self._directory = directory
        return self._sender

    def listen(self, runner: str) -> socket.socket:
        """A socket that tell() of others reaches. Raises OSError."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            listener.setblocking(False)
            directory = _open_folder(self._folder)
            try:
                with suppress(FileNotFoundError):
                    (self._folder / f"{runner}.sock").unlink()
                listener.bind(_address(self._folder, directory, runner))
            finally:
                _close(directory)
        except BaseException:
            listener.close()
            raise
        return listener

    def close(self) -> None:
        if self._sender is not None:
            self._sender.close()
            self._sender = None
        _close(self._directory)
        self._directory = -1


def _open_folder(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _address(folder: Path, directory: int, runner: str) -> str:
    """A socket's path may have 107 bytes, which a deep folder exceeds; through the open folder it is short."""
    if os.path.isdir("/proc/self/fd"):
        return f"/proc/self/fd/{directory}/{runner}.sock"
    return str(folder / f"{runner}.sock")
