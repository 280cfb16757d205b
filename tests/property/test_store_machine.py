"""SQLite does what the memory store does, in whatever order things happen.

The default profile is for every run of the tests; HYPOTHESIS_PROFILE=thorough is for a night.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.property.store_machine import StoreMachine
from tests.store.worlds import SQLiteWorld, World

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


class SQLiteMachine(StoreMachine):
    def subject(self) -> World:
        self.directory = tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None)
        return SQLiteWorld(Path(self.directory.name))

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.directory.cleanup()


FAST = Path("/dev/shm")  # what is tested here are answers, not the disk

TestSQLiteAgreesWithMemory = SQLiteMachine.TestCase
TestSQLiteAgreesWithMemory.settings = settings(
    max_examples=2_000 if THOROUGH else 200,
    stateful_step_count=100 if THOROUGH else 40,
    deadline=None,
    derandomize=not THOROUGH,  # a test run that others wait for does not fail for luck
    suppress_health_check=list(HealthCheck),
)
