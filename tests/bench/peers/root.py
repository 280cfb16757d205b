"""Where the peers' venvs, logs and files lie: $PEERBENCH_ROOT, which setup.sh and servers.sh read too."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

ROOT = Path(os.environ.get("PEERBENCH_ROOT") or Path(tempfile.gettempdir()) / "asyncjobs-peers")
DATA = ROOT / "data"
LOGS = ROOT / "logs"
CHECKOUT = Path(__file__).resolve().parents[3]


def python_of(venv: str) -> Path:
    """The interpreter of a venv that setup.sh makes; it may be missing."""
    return ROOT / "venvs" / venv / "bin" / "python"
