"""Whether anything drifted: the first quarter after the warm-up against the last."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.crash.bounds import Bound
from tests.crash.footprint import MIB
from tests.crash.soak.load import MIX
from tests.crash.soak.run import Course, Plan, Sample

WARM, WARM_SHARE = 120.0, 0.2  # seconds, but at most this share: ended jobs are first pruned after a minute, then come and go
# The bounds, with what was measured on two shared cores (2026-11) and why they stand where they do.
RSS_DRIFT = 10.0  # MiB: SQLite's cache (16 MiB) fills in the warm-up and after; a leak of 50 bytes a job makes 17 in 20 minutes
LOG = 64.0  # MiB of the -wal: four times what the writer lets it grow by
LOG_DRIFT = 16.0  # MiB that its peak may differ by from quarter to quarter: it grows by so much between two checkpoints
# Ended jobs of a minute, what is pruned meanwhile and pages that are given back late: some 1.5 KiB a job for two minutes.
DATABASE_BYTES, DATABASE_SECONDS = 1536, 120
LATENCY_RATIO, LATENCY_FLOOR = 1.5, 1.0  # of medians; ms below which the scheduler's noise is larger than any drift
DESCRIPTORS = 2  # that come and go with the watcher's own connections
THREADS = 0
DONE = 0.8  # of the load that was to be: less proves nothing


@dataclass(frozen=True, slots=True)
class Quarter:
    """Medians of a quarter's samples, in ms and MiB; peaks where it says so."""

    enqueue_p50: float
    enqueue_p99: float
    start_p50: float
    start_p99: float
    lag: float
    bare: float
    rss: float
    log_peak: float
    database_peak: float
    descriptors: float
    threads: float


def quarters(samples: Sequence[Sample]) -> list[Quarter]:
    """Four of the same length, of what came after the warm-up. Raises ValueError with too few samples."""
    steady = after_warm_up(samples)
    size = len(steady) // 4
    if not size:
        raise ValueError(f"{len(samples)} samples are too few for four quarters")
    return [_quarter(steady[size * number : size * (number + 1)]) for number in range(4)]


def after_warm_up(samples: Sequence[Sample]) -> Sequence[Sample]:
    if not samples:
        return []
    began, over = samples[0].held.at, samples[-1].held.at
    warm = began + min(WARM, (over - began) * WARM_SHARE)
    return [sample for sample in samples if sample.held.at >= warm]


def _quarter(samples: Sequence[Sample]) -> Quarter:
    def said(name: str) -> float:
        values = [value for sample in samples if (value := sample.said[name]) is not None]
        return statistics.median(values) if values else 0.0

    def held(of: Callable[[Sample], float]) -> float:
        return statistics.median(map(of, samples))

    return Quarter(
        enqueue_p50=said("enqueue_p50"),
        enqueue_p99=said("enqueue_p99"),
        start_p50=said("start_p50"),
        start_p99=said("start_p99"),
        lag=said("lag"),
        bare=held(lambda sample: sample.bare),
        rss=held(lambda sample: sample.held.rss) / MIB,
        log_peak=max(sample.held.log for sample in samples) / MIB,
        database_peak=max(sample.held.database for sample in samples) / MIB,
        descriptors=held(lambda sample: sample.held.descriptors),
        threads=held(lambda sample: sample.held.threads),
    )


def judge(course: Course, plan: Plan) -> list[Bound]:
    return [*_work(course, plan), *drift(course.samples, plan.rate), *_end(course)]


def drift(samples: Sequence[Sample], rate: float) -> list[Bound]:
    first, *_, last = every = quarters(samples)
    room = rate * DATABASE_BYTES * DATABASE_SECONDS / MIB
    return [
        Bound("memory, last quarter over the first", last.rss - first.rss, RSS_DRIFT, "MiB"),
        Bound("memory, fitted over the whole time", _fitted(samples), RSS_DRIFT, "MiB"),
        Bound("-wal, peak", max(quarter.log_peak for quarter in every), LOG, "MiB"),
        Bound("-wal, last quarter's peak over the first's", last.log_peak - first.log_peak, LOG_DRIFT, "MiB"),
        Bound("database, peak", max(quarter.database_peak for quarter in every), room, "MiB"),
        Bound("descriptors, last quarter over the first", last.descriptors - first.descriptors, DESCRIPTORS),
        Bound("threads, last quarter over the first", last.threads - first.threads, THREADS),
        *_latencies(first, last),
    ]


def _latencies(first: Quarter, last: Quarter) -> list[Bound]:
    """Over what the machine's own commits became slower by: nothing of it may be ours."""
    slower = max(last.bare / first.bare, 1.0)
    return [
        Bound(
            f"{what}, last quarter / first, beyond a bare commit's",
            max(after, LATENCY_FLOOR) / max(before, LATENCY_FLOOR) / slower,
            LATENCY_RATIO,
            detail=f"({before:.2f} ms, {after:.2f} ms; bare {first.bare:.2f} ms, {last.bare:.2f} ms)",
        )
        for what, before, after in (
            ("enqueue p50", first.enqueue_p50, last.enqueue_p50),
            ("start p50", first.start_p50, last.start_p50),
        )
    ]


def _fitted(samples: Sequence[Sample]) -> float:
    """MiB that memory rose by after the warm-up, on the straight line that fits best."""
    steady = after_warm_up(samples)
    times = [sample.held.at for sample in steady]
    slope = statistics.linear_regression(times, [sample.held.rss for sample in steady]).slope
    return slope * (times[-1] - times[0]) / MIB


def _work(course: Course, plan: Plan) -> list[Bound]:
    acknowledged, totals = course.acknowledged.total(), course.totals
    ended = totals["succeeded"] + totals["failed"] + totals["cancelled"]
    missing = [kind for kind in MIX if not course.acknowledged[kind]]
    kinds: Mapping[str, int] = {name: totals[name] for name in ("succeeded", "failed", "cancelled", "failures")}
    return [
        Bound("share of the load that was not done", 1 - acknowledged / (plan.rate * plan.seconds), 1 - DONE),
        Bound("kinds of job that were never asked for", len(missing), 0, detail=", ".join(missing)),
        Bound("ends that never happened", sum(not n for n in kinds.values()), 0, detail=str(kinds)),
        Bound("acknowledged jobs that the store has not counted", abs(acknowledged - totals["enqueued"]), 0),
        Bound("jobs that have not ended", abs(totals["enqueued"] - ended), 0),
    ]


def _end(course: Course) -> list[Bound]:
    files = [name for name in course.left if name not in ("jobs.db", "jobs.db.runners")]
    return [
        Bound("problems that the runner tells", len(course.problems), 0, detail=", ".join(course.problems)),
        Bound("seconds to stop", course.stopped_in, 6.0, "s"),
        Bound("files left behind", len(files), 0, detail=", ".join(files)),
    ]
