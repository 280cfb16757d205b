"""Who goes through the kills."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from tests.crash.survives.apps.shape import AT_ONCE

_APPS = "tests.crash.survives.apps"


@dataclass(frozen=True, slots=True)
class Contender:
    """app: the module of its ASGI app. beside: the command of a process that runs beside the server. package: what it is of."""

    name: str
    app: str
    package: str
    beside: Sequence[str] = ()

    @property
    def target(self) -> str:
        return f"{_APPS}.{self.app}:app"

    @property
    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None

    @property
    def version(self) -> str:
        """Package and version, as the table's footnote says it."""
        distribution = "asgi-asyncjobs" if self.package == "asyncjobs" else self.package
        return "" if self.package == "asyncio" else f"{self.package} {version(distribution)}"


CREATE_TASK = Contender("`asyncio.create_task`", "create_task", "asyncio")
BACKGROUND_TASKS = Contender("`BackgroundTasks`", "background", "starlette")
# Its default of one worker could not keep up with the load; every other option is its default.
HUEY = Contender(
    "huey on SQLite",
    "on_huey",
    "huey",
    (sys.executable, "-m", "huey.bin.huey_consumer", f"{_APPS}.on_huey.huey", "--workers", str(AT_ONCE)),
)
ASYNCJOBS = Contender("asyncjobs", "ours", "asyncjobs")
CONTENDERS = (CREATE_TASK, BACKGROUND_TASKS, HUEY, ASYNCJOBS)
