"""Ours, the limit and other queues at the same work: what the picture shows, read from the JSON of both benches."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

PEERS_SHOWN = 6  # the best ones of each panel
US = "asyncjobs"  # as the peers' bench calls us
NO_QUEUE = frozenset({"memory-floor"})  # asyncio alone, for comparison there
# Redis answers before the job is on the disk, unless it is told otherwise (`-always`): not the same promise.
REDIS = frozenset({"arq", "docket", "saq", "streaq", "taskiq"})
SYNCED = ("-always", "-postgres", "-pg")


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
    """row: the name of ours. figures: where a peer's figure is in its workload, the first of these that it has.

    at_peers: the limit's name in the peers' file, where that program measures it too: it loads an app on another server and loop.
    """

    title: str
    unit: str
    row: str
    limit: str
    workload: str
    figures: Sequence[Sequence[str]]
    less: bool = False
    at_peers: str | None = None


_CONTESTS = (
    _Contest(
        "Durable enqueues, 64 callers", "/s", "enqueue.64", "bare group commit", "w2", (("enqueues_per_s",), ("rate",))
    ),
    _Contest("Jobs drained that do nothing", "/s", "drain", "bare loop", "w3", (("drained_per_s",), ("rate",))),
    _Contest(
        "enqueue to the job's first line", "ms", "latency.p50", "one bare commit", "w4", (("p50_ms",), ("p50",)), less=True
    ),
    _Contest(
        "Web requests that enqueue a job", "/s", "web.requests", "no enqueue", "w5", (("embedded_per_s",), ("job", "rps")),
        at_peers="noop_per_s",
    ),
)  # fmt: skip


def panels(ours: Mapping[str, Any], peers: Mapping[str, Any] | None) -> list[Panel]:
    """Raises KeyError where a row of ours is missing."""
    rows = {row["name"]: row for row in ours["rows"]}
    results = [] if peers is None else peers["results"]
    return [_panel(contest, rows[contest.row], results) for contest in _CONTESTS]


def _panel(contest: _Contest, row: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Panel:
    figures = _of_peers(contest, contest.figures, results)
    ours = figures.pop(US, None)
    best = _one_of_each(sorted(figures.items(), key=lambda item: item[1], reverse=not contest.less))[:PEERS_SHOWN]
    mine, limit = _mine(contest, ours, row, results)
    bars = [Bar("asyncjobs", Whose.OURS, mine), Bar(contest.limit, Whose.LIMIT, limit)]
    bars += [Bar(peer, Whose.SYNCED if _is_synced(peer) else Whose.UNSYNCED, value) for peer, value in best]
    return Panel(contest.title, contest.unit, bars, contest.less)


def _mine(
    contest: _Contest, beside_peers: float | None, row: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> tuple[float, float]:
    """Ours, as it was measured beside the peers where it was, since another hour's figure may be another; and the limit."""
    if beside_peers is None:
        return row["median"], row["limit_median"]
    limit = None if contest.at_peers is None else _of_peers(contest, [(contest.at_peers,)], results).get(US)
    return beside_peers, row["limit_median"] if limit is None else limit


def _one_of_each(best_first: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Of a library's variants (`saq-redis`, `saq-redis-always`) the best that makes the same promise."""
    kept: dict[tuple[str, bool], tuple[str, float]] = {}
    for peer, value in best_first:
        kept.setdefault((peer.partition("-")[0], _is_synced(peer)), (peer, value))
    return list(kept.values())


def _of_peers(contest: _Contest, paths: Sequence[Sequence[str]], results: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The middle one of each peer's repetitions."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for result in results:
        if result["workload"] == contest.workload and result["peer"] not in NO_QUEUE:
            values = [value for path in paths if (value := _value(result["figures"], path))]
            found[result["peer"]] += values[:1]
    return {peer: statistics.median(values) for peer, values in found.items() if values}


def _value(figures: Any, path: Sequence[str]) -> float | None:
    for key in path:
        figures = figures.get(key) if isinstance(figures, Mapping) else None
    return float(figures) if isinstance(figures, (int, float)) else None


def _is_synced(peer: str) -> bool:
    """Whether a job is on the disk when its enqueue has returned."""
    if peer.endswith("-nosync"):
        return False
    return peer.partition("-")[0] not in REDIS or any(word in peer for word in SYNCED)
