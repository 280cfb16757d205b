"""Numbers that must come out even: attempts, counters, history. Recounted from rows, records and ledger, without tally.py.

Every attempt that the store has begun ends with a record in its job, so the records are the count. A job keeps its last
KEPT; of one that had more, the ledger says how many, except for attempts that neither began nor were told to have ended,
which only a process that died while it replayed can leave behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tests.crash.kills.found import CANCELLED, FAILED, STATES, SUCCEEDED, Found, Row
from tests.crash.kills.ledger import Story

KEPT = 20
GIVEN_BACK = {"snoozed", "released", "lost"}  # outcomes after which the attempt does not count
FINAL = {"failed", "timed_out"}  # outcomes after which a requeued job may stand
# History's name of each outcome. "cancelled" has none: it is counted where the job becomes so.
METRICS = {
    "succeeded": "succeeded",
    "failed": "failures",
    "timed_out": "failures",
    "snoozed": "snoozed",
    "released": "released",
    "lost": "lost",
}
TIMED = ("succeeded", "failures")  # metrics of attempts whose run is measured
TOTALS = ("enqueued", "started", "succeeded", "failures", "dead", "cancelled", "snoozed", "released", "lost")


# --- one job's attempts --------------------------------------------------------------------------------------------------


def numbers(row: Row, *, requeues: int) -> Iterator[str]:
    """Each record's number follows from the one before, and the job's `attempt` from the last."""
    is_cut = len(row.records) >= KEPT  # then the first may be the round's first, and the next ones are left out
    counted, resets = row.records[0].number - 1 if is_cut else 0, 0
    before = ""
    for at, record in enumerate(row.records):
        if is_cut and at == 1 and row.records[0].number == 1:
            counted = max(counted, record.number - 1)
        if record.number == 1 and counted and before in FINAL:
            counted, resets = 0, resets + 1
        if record.number != counted + 1:
            yield f"{row.id} has an attempt numbered {record.number} after {counted} that count"
        counted = record.number - (record.outcome in GIVEN_BACK)
        before = record.outcome
    if resets > requeues:
        yield f"{row.id} began from its first attempt {resets} times more, and was requeued {requeues} times"
    allowed = {counted}
    if before in GIVEN_BACK and row.state == CANCELLED:  # by its end, or while it waited after it
        allowed.add(row.records[-1].number)
    if before == "lost" and row.state == FAILED:
        allowed = {row.records[-1].number}
    if row.attempt not in allowed:
        yield f"{row.id} has attempt {row.attempt}, and its records make it {' or '.join(map(str, sorted(allowed)))}"


# --- sums ----------------------------------------------------------------------------------------------------------------


def counters(found: Found) -> Iterator[str]:
    """Jobs by queue and state, held and retrying ones."""
    counted: Counter[tuple[str, str]] = Counter((row.queue, row.state) for row in found.rows.values())
    for row in found.rows.values():
        if row.state == "queued":
            counted[row.queue, "held"] += row.held
            counted[row.queue, "retrying"] += row.attempt > 0
    kept = {key: n for key, n in found.counters.items() if key[1] in (*STATES, "held", "retrying")}
    for key in sorted(counted.keys() | kept.keys()):
        if counted[key] != kept.get(key, 0):
            yield f"{key[0]} has {counted[key]} jobs {key[1]}, and its counter says {kept.get(key, 0)}"


@dataclass
class Expected:
    """Of one task. least: what must be counted; slack: how much more may be, of jobs that had more attempts than they keep."""

    least: Counter[str] = field(default_factory=Counter)
    slack: int = 0


def history(story: Story, found: Found) -> Iterator[str]:
    """What happened to each task's jobs."""
    expected = _expected(story, found)
    for task in sorted({task for task, _ in found.history} | expected.keys()):
        of_task = expected.get(task, Expected())
        for metric in (*TOTALS, "wait", "run"):
            if task == "dross" and metric == "cancelled":  # dated to a time that history forgets
                continue
            counted, least = found.history.get((task, metric), 0), of_task.least[metric]
            if not least <= counted <= least + of_task.slack:
                yield f"{task} has {metric} {counted}, and the recount makes it {least}"


def _expected(story: Story, found: Found) -> dict[str, Expected]:
    died_starting = sum(life.runner is None for life in story.lives.values())
    by_task: dict[str, Expected] = {}
    for row in found.rows.values():
        of_task = by_task.setdefault(row.task, Expected())
        outcomes = Counter(record.outcome for record in row.records)
        if len(row.records) >= KEPT:
            outcomes = _by_ledger(story, row)
            of_task.slack += died_starting
        _add(of_task.least, row, outcomes)
    dross = by_task.setdefault("dross", Expected())
    dross.least["enqueued"] += len(_gone(story, found))
    return by_task


def _add(least: Counter[str], row: Row, outcomes: Counter[str]) -> None:
    least["enqueued"] += 1
    least["started"] += outcomes.total()
    least["wait"] += outcomes.total()
    for outcome, count in outcomes.items():
        metric = METRICS.get(outcome)
        if metric is not None:
            least[metric] += count
            least["run"] += count * (metric in TIMED)
    least["failures"] += sum(record.guilty for record in row.records)
    least["cancelled"] += row.state == CANCELLED
    least["dead"] += (row.state == FAILED) + _resets(row)


def _resets(row: Row) -> int:
    """How often it had failed for good before, and was requeued."""
    again = sum(later.number == 1 and earlier.outcome in FINAL for earlier, later in pairwise(row.records))
    guilty_again = sum(record.guilty for record in row.records[:-1])
    waits_again = bool(row.records) and row.records[-1].guilty and row.state != FAILED
    return again + guilty_again + waits_again


def _by_ledger(story: Story, row: Row) -> Counter[str]:
    """The outcomes of a job that had more attempts than it keeps: what failed is its number, what came between was told."""
    tokens = {start.attempt.token for start in story.starts[row.id]}
    told = {recorded.attempt.token: recorded.outcome for recorded in story.records[row.id]}
    outcomes = Counter(outcome for outcome in told.values())
    outcomes["failed"] = row.attempt - (row.state == SUCCEEDED)
    outcomes["succeeded"] = int(row.state == SUCCEEDED)
    untold = len(tokens | told.keys()) - outcomes.total()
    outcomes["lost"] += max(untold, 0)
    return outcomes


def _gone(story: Story, found: Found) -> set[str]:
    """What was pruned: discarded, and not there any more."""
    return story.discarded - found.rows.keys()


def totals(story: Story, found: Found) -> Iterator[str]:
    """The totals for ever are history's sums; cancelled jobs, some dated to a time that history forgets, are counted."""
    cancelled = Counter(row.queue for row in found.rows.values() if row.state == CANCELLED)
    cancelled["slow"] += len(_gone(story, found))
    for queue in sorted({queue for queue, _ in found.counters}):
        for metric in TOTALS:
            total = found.counters.get((queue, f"total_{metric}"), 0)
            expected = cancelled[queue] if metric == "cancelled" else found.by_queue.get((queue, metric), 0)
            if total != expected:
                yield f"{queue} has {metric} {total} for ever, and the recount makes it {expected}"
