"""w5's clients: wrk with 64 connections that post as fast as they are answered."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 64
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients saw. seconds: how long they sent. answered: requests, of which `refused` got another status than 2xx.
    p50_ms, p99_ms: of all answers."""

    seconds: float
    answered: int
    refused: int
    p50_ms: float
    p99_ms: float

    @property
    def accepted(self) -> int:
        return self.answered - self.refused

    @property
    def per_s(self) -> float:
        """Answers of 2xx a second."""
        return self.accepted / self.seconds


def load(url: str, seconds: float) -> Load:
    """Post to `url`, for whole seconds, one at least. Raises RuntimeError where wrk fails."""
    whole = max(1, round(seconds))
    script = Path(__file__).with_name("post.lua")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{whole}s", "--latency", "-s", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=whole + 30)
    if done.returncode:
        raise RuntimeError(f"wrk failed: {(done.stderr or done.stdout).strip()}")
    return read(done.stdout)


def read(report: str) -> Load:
    """What wrk printed. Raises RuntimeError where it is no such report."""
    total = re.search(r"(\d+) requests in ([\d.]+)(\w+)", report)
    if total is None:
        raise RuntimeError(f"wrk's report names no requests: {report.strip()!r}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    seconds = _ms(total[2], total[3]) / 1000
    return Load(seconds, int(total[1]), int(bad[1]) if bad else 0, _percentile(report, 50), _percentile(report, 99))


def _percentile(report: str, percent: int) -> float:
    found = re.search(rf"(?m)^ +{percent}% +([\d.]+)(\w+)", report)
    return _ms(found[1], found[2]) if found else 0.0


def _ms(number: str, unit: str) -> float:
    return float(number) * _MS[unit]
