"""The crash tests' ledger, for an app that may have no descriptor left to open it with."""

from __future__ import annotations

import os
from pathlib import Path

from tests.crash.server import Ledger


class OpenLedger(Ledger):
    """Opened once. Forked children append to it too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)

    def write(self, *words: object) -> None:
        os.write(self._descriptor, (" ".join(map(str, words)) + "\n").encode())
