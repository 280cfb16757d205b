"""The promise, shown: work that was acknowledged is done, though the process was killed in the middle of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

START_WITHIN = 30.0  # seconds, for a cold machine
DRAIN_WITHIN = 90.0  # retries of the flaky tasks included


def demo() -> int:
    """0 when nothing was lost."""
    with tempfile.TemporaryDirectory(prefix="asyncjobs-demo-") as folder:
        port = _free_port()
        base = f"http://127.0.0.1:{port}"
        server = _start(port, folder)
        try:
            accepted = _enqueue(base, range(60))
            print(f"{len(accepted)} jobs accepted over HTTP; now kill -9 to the server, pid {server.pid}")
            before = _states(base, accepted)
            server.kill()
            server.wait()
            print(f"killed with {_count(before)}; starting it again")
            server = _start(port, folder)
            accepted += _enqueue(base, range(60, 90))
            states = _wait_until_drained(base, accepted)
            _print_table(_get(f"{base}/jobs/stats"))
        finally:
            server.terminate()
            server.wait()
    lost = [id for id, state in states.items() if state not in ("succeeded", "failed", "cancelled")]
    print(f"\naccepted: {len(accepted)}   ended: {len(states) - len(lost)}   lost: {len(lost)}")
    return 1 if lost else 0


def _start(port: int, folder: str) -> subprocess.Popen[bytes]:
    log = (Path(folder) / "server.log").open("ab")
    server = subprocess.Popen(
        [sys.executable, "-m", "examples.fastapi_app", "--port", str(port), "--data", folder], stdout=log, stderr=log
    )
    log.close()
    give_up = time.monotonic() + START_WITHIN
    while time.monotonic() < give_up:
        try:
            _get(f"http://127.0.0.1:{port}/jobs/stats")
            return server
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None:
                break
            time.sleep(0.05)
    server.kill()
    raise SystemExit("the server did not start:\n" + (Path(folder) / "server.log").read_text())


def _enqueue(base: str, numbers: range) -> list[str]:
    """A mixed load; ids of what the server acknowledged."""
    accepted = []
    for n in numbers:
        path = (f"/signup?email=user{n}@example.org", f"/reports?rows={100 + n}", f"/photos/{n}/thumbnail", f"/stock/{n}/sync")[
            n % 4
        ]
        accepted.append(_post(base + path)["job"])
    return accepted


def _wait_until_drained(base: str, ids: list[str]) -> dict[str, str]:
    give_up = time.monotonic() + DRAIN_WITHIN
    while True:
        states = _states(base, ids)
        open_ones = sum(state in ("queued", "running") for state in states.values())
        print(f"\r{len(ids) - open_ones} of {len(ids)} ended ", end="", flush=True)
        if not open_ones or time.monotonic() > give_up:
            print()
            return states
        time.sleep(0.5)


def _states(base: str, ids: list[str]) -> dict[str, str]:
    states = {}
    for id in ids:
        try:
            states[id] = _get(f"{base}/status/{id}")["state"]
        except urllib.error.HTTPError:
            states[id] = "missing"
    return states


def _count(states: dict[str, str]) -> str:
    names = sorted(set(states.values()))
    return ", ".join(f"{sum(state == name for state in states.values())} {name}" for name in names)


def _print_table(stats: dict[str, Any]) -> None:
    columns = ("waiting", "busy", "scheduled", "retries", "succeeded", "failures", "failed")
    print("\n" + f"{'queue':<10}" + "".join(f"{name:>11}" for name in columns) + f"{'wait p50':>11}")
    for name, queue in stats["queues"].items():
        wait = queue["wait"]["p50"]
        shown = "-" if wait is None else f"{wait * 1000:.1f} ms"
        print(f"{name:<10}" + "".join(f"{queue[column]:>11}" for column in columns) + f"{shown:>11}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def _post(url: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as answer:
        return json.load(answer)
