"""Disks that a test can fill."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.crash.faults.conftest import Serve
from tests.crash.faults.server import FaultServer


class Disk(Protocol):
    def server(self, build: Serve, *, full: bool = False) -> FaultServer:
        """Not started yet, its database on this disk; `full` from before it begins."""

    def fill(self, server: FaultServer) -> None:
        """Leave no room."""

    def free(self, server: FaultServer) -> None:
        """Give back all that was taken."""


class SmallDisk:
    """2 MiB in memory, in a folder that everybody sees or, by `prefix`, only the server does."""

    def __init__(self, folder: Path, prefix: list[str]) -> None:
        self._folder = str(folder)
        self._prefix = prefix

    def server(self, build: Serve, *, full: bool = False) -> FaultServer:
        env = {"FAULTS_DATABASE": f"{self._folder}/jobs.db", "FAULTS_FULL": self._folder if full else ""}
        return build(prefix=self._prefix, env=env)

    def fill(self, server: FaultServer) -> None:
        server.do("fill_disk", folder=self._folder)

    def free(self, server: FaultServer) -> None:
        server.do("free_disk", folder=self._folder)


class LimitedFile:
    """No disk at all: a file that may not grow, which SQLite calls a full disk. Works everywhere."""

    def server(self, build: Serve, *, full: bool = False) -> FaultServer:
        return build(env={"FAULTS_LIMITED": "1" if full else ""})

    def fill(self, server: FaultServer) -> None:
        server.do("limit_file")

    def free(self, server: FaultServer) -> None:
        server.do("unlimit_file")


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A small tmpfs: mounted, else in a namespace of the server's own."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if _succeeds(mount):
        try:
            yield SmallDisk(folder, [])
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    elif _succeeds(["unshare", "-rm", *mount]):
        yield SmallDisk(folder, ["unshare", "-rm", "sh", "-c", f'{" ".join(mount)} && exec "$@"', "sh"])
    else:
        pytest.skip("this system lets us mount no small disk")


def _succeeds(command: list[str]) -> bool:
    return shutil.which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0
