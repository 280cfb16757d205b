"""The Redis servers that servers.sh starts, one for each way to sync its log."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from tests.bench.peers.root import ROOT

PORTS = {"no": 56379, "everysec": 56380, "always": 56381}  # setting `aof` → port; servers.sh has them too


def fresh(settings: Mapping[str, str]) -> str:
    """Empty the server that the settings ask for (`aof`: "no", "everysec" or "always"; no log by default); its URL.

    Raises RuntimeError unless it is one that servers.sh has started: nobody else's is emptied.
    """
    port = PORTS[settings.get("aof", "no")]
    if not (ROOT / "redis" / str(port) / "pid").exists():
        raise RuntimeError(f"no Redis of the benchmark's on port {port}: `servers.sh start` starts it")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        answer = connection.recv(100)
    if answer != b"+OK\r\n":
        raise RuntimeError(f"Redis on port {port} was not emptied: {answer!r}")
    return f"redis://127.0.0.1:{port}/0"
