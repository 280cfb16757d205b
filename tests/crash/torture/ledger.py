"""What one life of one process was told and did: one line of JSON each, appended, whole even when the process is killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Ledger:
    """Appends to one file; usable from any thread."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, word: str, *values: object) -> int:
        """A line of this word, the moment, and these values; the moment, in monotonic ns, which all processes of a host share."""
        at = time.monotonic_ns()
        os.write(self._descriptor, json.dumps([word, at, *values], separators=(",", ":")).encode() + b"\n")
        return at

    def close(self) -> None:
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `at` is monotonic ns."""

    word: str
    at: int
    values: list[Any]


def read(path: Path) -> Iterator[Line]:
    """The lines of a ledger. Only the last can be cut short, by a kill or a look before it is written; what it says was not yet said."""
    for line in path.read_bytes().split(b"\n")[:-1]:
        word, at, *values = json.loads(line)
        yield Line(word, at, values)


def mentions(path: Path, text: str) -> bool:
    """Whether this stands near the beginning of a ledger that is still written."""
    try:
        with path.open("rb") as file:
            return text.encode() in file.read(65_536)
    except FileNotFoundError:
        return False
