"""Ours, the limit and other queues at the same work: what the picture shows, read from the JSON of both benches."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

PEERS_SHOWN = 6  # the best ones of each panel
# What has not synced a job when enqueue returns (peers/RESULTS.md, "How far to trust these figures"): not the same promise.
UNSYNCED = frozenset({"saq-redis", "arq", "streaq", "taskiq-stream", "taskiq-list", "docket-redis", "docket-memory"})
UNSYNCED_ENDINGS = ("-everysec", "-nosync", "-memory")
ALSO_UNSYNCED = {"arq-fastpoll", "docket-fastpoll"}
NO_QUEUE = frozenset({"memory-floor"})  # asyncio alone, for comparison there


class Whose(Enum):
    OURS = "asyncjobs"
    LIMIT = "the limit"
    SYNCED = "other queues"
    UNSYNCED = "other queues, not synced when enqueue returns"


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    whose: Whose
    value: float


@dataclass(frozen=True, slots=True)
class Panel:
    """bars: ours, the limit, then the peers, best first. less: whether less is better."""

    title: str
    unit: str
    bars: Sequence[Bar]
    less: bool = False


@dataclass(frozen=True, slots=True)
class _Contest:
    """row: the name of ours. workloads, path: where a peer's figure is, the first workload that it has."""

    title: str
    unit: str
    row: str
    limit: str
    workloads: Sequence[str]
    path: Sequence[str]
    less: bool = False


_CONTESTS = (
    _Contest("Durable enqueues, 64 callers", "/s", "enqueue.64", "bare group commit", ("w2",), ("rate",)),
    _Contest("Jobs drained that do nothing", "/s", "drain", "bare loop", ("w3",), ("rate",)),
    _Contest("enqueue to the job's first line", "ms", "latency.p50", "one bare commit", ("w4",), ("p50",), less=True),
    _Contest("Web requests that enqueue a job", "/s", "web.requests", "no enqueue", ("w5w", "w5"), ("job", "rps")),
)


def panels(ours: Mapping[str, Any], peers: Mapping[str, Any] | None) -> list[Panel]:
    """Raises KeyError where a row of ours is missing."""
    rows = {row["name"]: row for row in ours["rows"]}
    results = [] if peers is None else peers["results"]
    return [_panel(contest, rows[contest.row], results) for contest in _CONTESTS]


def _panel(contest: _Contest, row: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Panel:
    figures = _of_peers(contest, results)
    best = _one_of_each(sorted(figures.items(), key=lambda item: item[1], reverse=not contest.less))[:PEERS_SHOWN]
    bars = [Bar("asyncjobs", Whose.OURS, row["median"]), Bar(contest.limit, Whose.LIMIT, row["limit_median"])]
    bars += [Bar(peer, Whose.UNSYNCED if _is_unsynced(peer) else Whose.SYNCED, value) for peer, value in best]
    return Panel(contest.title, contest.unit, bars, contest.less)


def _one_of_each(best_first: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Of a library's variants (`saq-redis`, `saq-redis-always`) the best that makes the same promise."""
    kept: dict[tuple[str, bool], tuple[str, float]] = {}
    for peer, value in best_first:
        kept.setdefault((peer.partition("-")[0], _is_unsynced(peer)), (peer, value))
    return list(kept.values())


def _of_peers(contest: _Contest, results: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The middle one of each peer's repetitions."""
    found: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        value = _value(result["figures"], contest.path)
        if result["workload"] in contest.workloads and result["peer"] not in NO_QUEUE and value:
            found[result["peer"]][result["workload"]].append(value)
    return {
        peer: statistics.median(next(by_workload[workload] for workload in contest.workloads if workload in by_workload))
        for peer, by_workload in found.items()
    }


def _value(figures: Any, path: Sequence[str]) -> float | None:
    for key in path:
        figures = figures.get(key) if isinstance(figures, Mapping) else None
    return float(figures) if isinstance(figures, (int, float)) else None


def _is_unsynced(peer: str) -> bool:
    return peer in UNSYNCED or peer in ALSO_UNSYNCED or peer.endswith(UNSYNCED_ENDINGS)
