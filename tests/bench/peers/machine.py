"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence

from tests.bench.peers.catalogue import Peer
from tests.bench.peers.root import python_of
from tests.bench.peers.stores import postgres

_INTERPRETER = "import json, platform, sqlite3; print(json.dumps([platform.python_version(), sqlite3.sqlite_version]))"
_PACKAGES = (
    "import importlib.metadata, sys; print(', '.join(f'{name} {importlib.metadata.version(name)}' for name in sys.argv[1:]))"
)


def machine(peers: Iterable[Peer]) -> dict[str, object]:
    """cpus, kernel; python and sqlite of the first peer's venv; postgresql, redis: None where they aren't up or installed."""
    interpreters = [_said([str(python_of(peer.venv)), "-c", _INTERPRETER]) for peer in peers]
    python, sqlite = next((json.loads(said) for said in interpreters if said), (None, None))
    postgresql = _said(["psql", "-X", "-qtA", "-d", postgres.url("postgres"), "-c", "SHOW server_version"])
    redis = _said(["redis-server", "--version"])
    return {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": python,
        "sqlite": sqlite,
        "postgresql": postgresql.split()[0] if postgresql else None,
        "redis": redis.split("v=")[1].split()[0] if redis else None,
    }


def versions(peers: Iterable[Peer]) -> dict[str, str]:
    """Peer → package and version, several with commas; empty where its venv is missing."""
    return {peer.name: _said([str(python_of(peer.venv)), "-c", _PACKAGES, *peer.packages]) or "" for peer in peers}


def _said(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
