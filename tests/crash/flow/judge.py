"""Whether every limit held, every time fired once, and nothing was lost: by what the processes wrote down, and by the database."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from asyncjobs.rate import Rate
from tests.crash.flow.child import DATABASE, GLOBAL_LIMIT, KEY_LIMITS, RATE

Interval = tuple[int, int]  # ns


@dataclass
class Verdict:
    """Figures, and what is wrong with them."""

    figures: dict[str, object] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value}" for name, value in self.figures.items())
        return "\n".join([figures, *(f"FAULT: {fault}" for fault in self.faults[:20])])


@dataclass
class Account:
    """What the processes wrote down. intervals: (kind, key) → when jobs ran; of one that a kill cut off, until its process died."""

    intervals: dict[tuple[str, str], list[Interval]]
    acknowledged: dict[str, int]  # job → when, ns
    ended: dict[str, int]  # job → when its last attempt that came to an end did


def judge(folder: Path, died: Mapping[str, int | None], *, kills: int, rated: int, wanted: int) -> Verdict:
    account, verdict = read(folder, died), Verdict()
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as connection:
        _check_ends(connection, account, verdict, kills)
        _check_unique(connection, account, verdict)
        _check_ticks(connection, verdict)
        _check_rate(connection, verdict, rated, kills)
        _check_nothing_left(connection, verdict)
    _check_overlaps(account, verdict)
    verdict.figures |= {"acknowledged": len(account.acknowledged), "kills": kills}
    if not kills and len(account.acknowledged) < wanted / 2:
        verdict.faults.append(f"only {len(account.acknowledged)} jobs of {wanted} were enqueued: too little to judge by")
    return verdict


def read(folder: Path, died: Mapping[str, int | None]) -> Account:
    intervals: defaultdict[tuple[str, str], list[Interval]] = defaultdict(list)
    acknowledged: dict[str, int] = {}
    ended: dict[str, int] = {}
    for name, died_at in died.items():
        open_: dict[str, tuple[str, str, int]] = {}
        for line in (folder / f"{name}.events").read_text().splitlines():
            what, kind, key, job, at = line.split()
            if what == "acknowledged":
                acknowledged[job] = int(at)
            elif what == "begin":
                open_[job] = (kind, key, int(at))
            elif what == "end" and job in open_:
                ended[job] = max(ended.get(job, 0), int(at))
                kind, key, began = open_.pop(job)
                intervals[kind, key].append((began, int(at)))
        for kind, key, began in open_.values():
            intervals[kind, key].append((began, died_at or began))
    return Account(dict(intervals), acknowledged, ended)


def most_at_once(intervals: Sequence[Interval]) -> int:
    """How many of them overlap at the worst moment; one that begins as another ends does not."""
    steps = sorted([(began, 1) for began, _ in intervals] + [(ended, -1) for _, ended in intervals])
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def _check_overlaps(account: Account, verdict: Verdict) -> None:
    for (kind, key), intervals in account.intervals.items():
        limit = {"licensed": GLOBAL_LIMIT, "unique": 1, **KEY_LIMITS}.get(kind)
        if limit is not None and (most := most_at_once(intervals)) > limit:
            verdict.faults.append(f"{most} jobs of {kind} {key} ran at once, {limit} may")
    by_kind: Counter[str] = Counter()
    for (kind, _), intervals in account.intervals.items():
        by_kind[kind] = max(by_kind[kind], most_at_once(intervals))
    verdict.figures["most at once"] = {kind: by_kind[kind] for kind in ("licensed", "single", "double", "unique")}
    for kind, limit in {"licensed": GLOBAL_LIMIT, **KEY_LIMITS}.items():
        if by_kind[kind] < limit:
            verdict.faults.append(
                f"never more than {by_kind[kind]} of {kind} ran at once, so nothing was limited: too little to judge by"
            )


def _check_ends(connection: sqlite3.Connection, account: Account, verdict: Verdict, kills: int) -> None:
    states = dict(connection.execute("SELECT id, state FROM jobs").fetchall())
    names = dict(connection.execute("SELECT id, name FROM jobs").fetchall())
    lost = [id for id in account.acknowledged if states.get(id) not in (2, 3)]
    dead = [id for id in account.acknowledged if states.get(id) == 3]
    strange = [id for id in dead if names[id] != "retried"]
    verdict.figures |= {"lost": len(lost), "failed for good": len(dead)}
    verdict.faults += [f"job {id} was acknowledged, and is in state {states.get(id)}" for id in lost]
    verdict.faults += [f"job {id} ({names[id]}) failed" for id in strange]
    followed = Counter(
        {
            json.loads(args)["kwargs"]["job_id"]: n
            for args, n in connection.execute("SELECT args, count(*) FROM jobs WHERE name = 'told' GROUP BY args")
        }
    )
    all_dead = {id for id, state in states.items() if state == 3 and names[id] == "retried"}
    verdict.faults += [f"job {id} failed for good, and {followed[id]} jobs were told" for id in all_dead if followed[id] != 1]
    verdict.faults += [f"{id} was told of, and has not failed" for id in followed.keys() - all_dead]


def _check_unique(connection: sqlite3.Connection, account: Account, verdict: Verdict) -> None:
    """Of two jobs of one key the second is acknowledged only when the first has ended: its commit came after."""
    jobs: defaultdict[str, list[str]] = defaultdict(list)
    for args, id in connection.execute("SELECT args, id FROM jobs WHERE name = 'unique' ORDER BY seq"):
        jobs[args].append(id)
    compared = 0
    for args, of_key in jobs.items():
        for first, second in pairwise(of_key):
            if first in account.ended and second in account.acknowledged:
                compared += 1
                if account.acknowledged[second] < account.ended[first]:
                    verdict.faults.append(f"unique job {second} of {args} was taken while {first} had not ended")
    verdict.figures["unique jobs, one after the other"] = compared


def _check_ticks(connection: sqlite3.Connection, verdict: Verdict) -> None:
    times = sorted(
        round(datetime.fromisoformat(json.loads(meta)["time"]).timestamp())
        for (meta,) in connection.execute("SELECT meta FROM jobs WHERE name = 'tick'")
    )
    verdict.figures["times fired"] = len(times)
    doubled = [at for at, count in Counter(times).items() if count > 1]
    missing = set(range(times[0], times[-1] + 1)) - set(times) if times else set()
    if len(times) < 3:
        verdict.faults.append(f"fired {len(times)} times: too little to judge by")
    verdict.faults += [f"the time {at} was fired for more than once" for at in doubled]
    verdict.faults += [f"the time {at} was not fired for" for at in sorted(missing)]


def _check_rate(connection: sqlite3.Connection, verdict: Verdict, rated: int, kills: int) -> None:
    """By when claims took them: never more than the rate lets, and as many as it lets."""
    rate = Rate.of(f"{RATE}/s")
    records = connection.execute("SELECT attempts FROM jobs WHERE name = 'rated' AND state = 2").fetchall()
    starts = sorted(started for (attempts,) in records for _, _, _, started, *_ in json.loads(attempts))
    if len(records) != rated:
        verdict.faults.append(f"{len(records)} of {rated} rated jobs succeeded")
        return
    seconds = (starts[-1] - starts[0]) / 1000
    most = max(
        (index - first + 1) - ((starts[index] - starts[first] + 1) / rate.interval + rate.burst + 1)
        for first in range(0, len(starts), 7)
        for index in range(first, min(first + 400, len(starts)))
    )
    verdict.figures |= {"rate": f"{len(starts) / seconds:.2f}/s of {RATE} over {seconds:.1f} s"}
    if most > 0:
        verdict.faults.append(f"the rate was exceeded by {most:.1f} starts")
    if not kills and abs(len(starts) / seconds / RATE - 1) > 0.05:
        verdict.faults.append(f"the rate was {len(starts) / seconds:.2f}/s, more than 5 % off {RATE}")


def _check_nothing_left(connection: sqlite3.Connection, verdict: Verdict) -> None:
    left = connection.execute(
        "SELECT name, state, hold, count(*) FROM jobs WHERE state < 2 AND name <> 'tick' GROUP BY name, state, hold"
    ).fetchall()
    verdict.faults += [f"{count} jobs of {name} are left in state {state} with hold {hold}" for name, state, hold, count in left]
    held = connection.execute("SELECT queue, n FROM counters WHERE key = 'held' AND n <> 0").fetchall()
    running = connection.execute("SELECT queue, n FROM counters WHERE key = 'running' AND n <> 0").fetchall()
    ticking = connection.execute("SELECT count(*) FROM jobs WHERE state = 1").fetchone()[0]
    verdict.faults += [f"the counter says that {n} jobs of {queue} are held" for queue, n in held]
    if sum(n for _, n in running) != ticking:
        verdict.faults.append(f"the counters say that {running} run, and {ticking} do")
