"""What one life of the app is for: handed to the process at its birth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.crash.kills.points import Arm

# Slots by queue. "default" has short jobs on the loop, "threads" `def` jobs, "slow" longer ones that can be cancelled.
SLOTS: Mapping[str, int] = {"default": 64, "threads": 6, "slow": 16}


@dataclass(frozen=True, slots=True)
class Order:
    """life: its number in this folder. arm: the point to die at, if any. victims: so many jobs that run until they have lost
    two processes. poison: so many jobs that kill their process. stubborn: a job that the shutdown must meet ("endless",
    "deaf"). echo: tell the store each end twice. canary: what is broken in this process (see canaries.py).
    """

    folder: Path
    life: int
    seed: int
    arm: Arm | None = None
    victims: int = 0
    poison: int = 0
    stubborn: str = ""
    echo: bool = False
    canary: str = ""
    shutdown_timeout: float = 5.0
