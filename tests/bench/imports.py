"""`import asyncjobs` in a fresh interpreter, beside what an ASGI app with SQLite has imported anyway."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from tests.bench.files import Files
from tests.bench.mark import at_most
from tests.bench.pairs import alternate
from tests.bench.row import Row
from tests.bench.scale import Scale

BAR = 60.0  # ms
OURS, ANYWAY = "asyncjobs", "starlette.applications, aiosqlite"


def measure(scale: Scale, files: Files) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="asyncjobs-bytecode-") as cache:
        for names in (OURS, ANYWAY):
            milliseconds(names, cache)  # its bytecode is there now
        pairs = alternate(scale.imports, lambda: milliseconds(OURS, cache), lambda: milliseconds(ANYWAY, cache))
    return [
        Row(
            "import", "import asyncjobs", "ms", [a for a, _ in pairs], [b for _, b in pairs], bars=[at_most(BAR, "excess")],
            note=ANYWAY, beside="what it needs",
        )
    ]  # fmt: skip


def milliseconds(names: str, cache: str) -> float:
    """That a fresh interpreter takes to import these, with its bytecode in this folder, wherever and whether others keep theirs."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    surroundings["PYTHONPYCACHEPREFIX"] = cache
    program = f"import time\nbegan = time.perf_counter()\nimport {names}\nprint(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, timeout=60, env=surroundings)
    return float(done.stdout) * 1e3
