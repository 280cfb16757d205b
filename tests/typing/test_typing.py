"""What a type checker says of calls: wrong ones are found before they run."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@cache
def complaints(name: str) -> dict[int, str]:
    """Line → what mypy --strict says of it."""
    checked = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", "--no-incremental",
            "--enable-error-code", "unused-awaitable", "--enable-error-code", "unused-coroutine", str(HERE / name),
        ],
        capture_output=True, text=True, cwd=HERE.parent.parent, check=False,
    )  # fmt: skip
    found = re.findall(rf"{re.escape(name)}:(\d+): error: (.*)", checked.stdout)
    assert found or checked.returncode == 0, checked.stdout + checked.stderr
    return {int(line): text for line, text in found}


def test_good_calls_are_accepted_and_their_results_known() -> None:
    assert complaints("good.py") == {}


def test_each_bad_call_is_refused_and_nothing_else() -> None:
    marked = {n for n, line in enumerate((HERE / "bad.py").read_text().splitlines(), 1) if "# error:" in line}
    assert complaints("bad.py").keys() == marked
