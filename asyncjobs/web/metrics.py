"""The numbers for Prometheus, in its text format 0.0.4: counters since the store was made, and gauges of now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncjobs.stats import QueueSnapshot, Snapshot

MEDIA_TYPE = "text/plain; version=0.0.4"

_COUNTERS: dict[str, tuple[str, Callable[[QueueSnapshot], float]]] = {
    "enqueued": ("Jobs put in.", lambda queue: queue.enqueued),
    "succeeded": ("Attempts that succeeded.", lambda queue: queue.succeeded),
    "failures": ("Attempts that failed.", lambda queue: queue.failures),
    "failed": ("Jobs that failed for good.", lambda queue: queue.failed),
    "cancelled": ("Jobs cancelled.", lambda queue: queue.cancelled),
}
_GAUGES: dict[str, tuple[str, Callable[[QueueSnapshot], float]]] = {
    "waiting": ("Jobs that are due and have not begun, counted to 10,000.", lambda queue: queue.waiting),
    "running": ("Jobs that run, in all processes.", lambda queue: queue.running),
    "scheduled": ("Jobs that are due later, counted to 10,000.", lambda queue: queue.scheduled),
    "retrying": ("Jobs that wait with a failed attempt behind them.", lambda queue: queue.retrying),
    "held": ("Jobs that can't begin for a reason of their own.", lambda queue: queue.held),
    "slots": ("Jobs that may run at once, in all living processes.", lambda queue: queue.slots),
    "latency_seconds": ("How long the longest-waiting due job has waited.", lambda queue: queue.latency),
    "paused": ("1 where nothing of the queue is started.", lambda queue: queue.paused),
}


def metrics(snapshot: Snapshot) -> str:
    """All of them; those of a queue have its name as their label."""
    return "".join(f"{line}\n" for line in _lines(snapshot))


def _lines(snapshot: Snapshot) -> Iterator[str]:
    for kind, numbers, suffix in (("counter", _COUNTERS, "_total"), ("gauge", _GAUGES, "")):
        for name, (meaning, of) in numbers.items():
            yield from _head(f"{name}{suffix}", kind, meaning)
            for queue in snapshot.queues:
                yield f'asyncjobs_{name}{suffix}{{queue="{_label(queue.name)}"}} {float(of(queue))!r}'
    yield from _head("processes", "gauge", "Living processes on the store.")
    yield f"asyncjobs_processes {sum(process.alive for process in snapshot.processes)}"
    yield from _head("healthy", "gauge", "1 where nothing is wrong with the runner of the process that answers.")
    yield f"asyncjobs_healthy {int(snapshot.healthy)}"
    yield from _head("findings", "gauge", "Things that need attention, by how bad they are.")
    for severity in ("warn", "bad"):
        yield f'asyncjobs_findings{{severity="{severity}"}} {sum(one.severity == severity for one in snapshot.findings)}'


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP asyncjobs_{name} {meaning}"
    yield f"# TYPE asyncjobs_{name} {kind}"


def _label(text: str) -> str:
    plain = text.encode(errors="replace").decode()
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
