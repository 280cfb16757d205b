"""A record as Markdown: a table for enqueueing and running, one for the loaded app, one for a deep queue."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.peers.catalogue import PEERS
from tests.bench.peers.record import Record

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """head: with the unit. spread: whether the least and the greatest of several repetitions stand beside the median."""

    head: str
    workload: str
    figure: str
    spread: bool = False


QUEUE = (
    Column("w1 one caller /s", "w1", "enqueues_per_s", spread=True),
    Column("p50 ms", "w1", "p50_ms"),
    Column("p99 ms", "w1", "p99_ms"),
    Column("w2 64 callers /s", "w2", "enqueues_per_s", spread=True),
    Column("p99 ms", "w2", "p99_ms"),
    Column("w2 in batches /s", "w2", "bulk_per_s", spread=True),
    Column("w3 drained /s", "w3", "drained_per_s", spread=True),
    Column("CPU µs a job", "w3", "cpu_us_per_job"),
    Column("w4 first line ms", "w4", "p50_ms", spread=True),
    Column("p99 ms", "w4", "p99_ms"),
)
APP = (
    Column("without enqueue /s", "w5", "noop_per_s", spread=True),
    Column("enqueue only /s", "w5", "enqueue_per_s", spread=True),
    Column("p99 ms", "w5", "enqueue_p99_ms"),
    Column("enqueue and run /s", "w5", "embedded_per_s", spread=True),
    Column("p99 ms", "w5", "embedded_p99_ms"),
    Column("jobs run /s", "w5", "ran_per_s", spread=True),
    Column("jobs accepted", "w5", "embedded_accepted"),
    Column("run 2 s later", "w5", "ran_later"),
    Column("refused", "w5", "embedded_refused"),
)
DEEP = (
    Column("jobs queued", "w6", "deep_depth"),
    Column("enqueue, empty /s", "w6", "empty_enqueues_per_s", spread=True),
    Column("deep /s", "w6", "deep_enqueues_per_s", spread=True),
    Column("drain, empty /s", "w6", "empty_drained_per_s", spread=True),
    Column("deep /s", "w6", "deep_drained_per_s", spread=True),
)
TABLES = (
    ("Enqueueing and running", QUEUE),
    ("A Starlette app under load: uvicorn with one worker, 64 connections", APP),
    ("A deep queue", DEEP),
)


def report(record: Record) -> str:
    """Markdown. Cells are medians over the repetitions, rates with their least and greatest; failures are lines at the end."""
    parts = [_table(title, columns, record) for title, columns in TABLES]
    return "\n\n".join(part for part in [*parts, _failures(record), _source(record)] if part)


def _table(title: str, columns: Sequence[Column], record: Record) -> str:
    stored = {peer.name: peer.stored for peer in PEERS}
    cells = {peer: [_cell(record, peer, column) for column in columns] for peer in record.peers()}
    rows = [[peer, stored.get(peer, NOTHING), *row] for peer, row in cells.items() if set(row) != {NOTHING}]
    if not rows:
        return ""
    heads = ["", "an enqueued job is", *(column.head for column in columns)]
    lines = [heads, ["---", "---", *["---:"] * len(columns)], *rows]
    return f"### {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(record: Record, peer: str, column: Column) -> str:
    values = record.figures(peer, column.workload, column.figure)
    if not values:
        return NOTHING
    median = _number(statistics.median(values))
    if not column.spread or len(values) == 1:
        return median
    return f"{median} ({_number(min(values))}–{_number(max(values))})"


def _number(value: float) -> str:
    """Three digits or more: 0.05, 1.65, 46.6, 4,596."""
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _failures(record: Record) -> str:
    failed = [result for result in record.results if result.error is not None]
    return "\n".join(f"- {one.peer}, {one.workload}, repetition {one.repetition}: {one.error}" for one in failed)


def _source(record: Record) -> str:
    repetitions = len({result.repetition for result in record.results})
    machine = ", ".join(f"{name} {value}" for name, value in record.machine.items() if value is not None)
    versions = "; ".join(f"{peer}: {version}" for peer, version in record.versions.items() if version)
    return f"{record.date}, {repetitions} repetition{'' if repetitions == 1 else 's'}. Machine: {machine}. {versions}."
