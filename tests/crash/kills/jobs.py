"""What must be in the store, and how it must have ended."""

from __future__ import annotations

from collections.abc import Iterator

from tests.crash.kills.case import Case, lost_in_the_midst
from tests.crash.kills.found import CANCELLED, FAILED, KILLED_ITS_PROCESS, QUEUED, RUNNING, SUCCEEDED, Row
from tests.crash.kills.ledger import Story

# --- presence ------------------------------------------------------------------------------------------------------------


def acknowledged_jobs_are_there(case: Case) -> Iterator[str]:
    for id in lost(case):
        yield f"{id} was acknowledged and is not in the store"


def lost(case: Case) -> Iterator[str]:
    yield from sorted(case.story.acknowledged - case.found.rows.keys() - case.story.discarded)


def batches_are_stored_whole_or_not_at_all(case: Case) -> Iterator[str]:
    for batch in case.story.batches:
        stored = [id for id in batch if id in case.found.rows]
        if stored and len(stored) < len(batch):
            yield f"of the batch {', '.join(batch)} only {', '.join(stored)} is in the store"


def nothing_is_stored_that_nobody_asked_for(case: Case) -> Iterator[str]:
    for id in sorted(case.found.rows.keys() - case.story.asked):
        yield f"{id} is in the store"


def no_id_is_taken_twice(case: Case) -> Iterator[str]:
    for id in case.story.anew:
        yield f"{id} had been acknowledged, and was taken for new when it was asked for again"


# --- ends ----------------------------------------------------------------------------------------------------------------


def every_job_has_ended(case: Case) -> Iterator[str]:
    for row in case.found.rows.values():
        if row.state in (QUEUED, RUNNING):
            yield f"{row.id} was left {row.state}"


def only_lone_suspects_have_killed_their_process(case: Case) -> Iterator[str]:
    beside = lost_in_the_midst(case)
    for row in case.found.rows.values():
        if row.error != KILLED_ITS_PROCESS:
            continue
        last = row.records[-3:]
        if [record.outcome for record in last] != ["lost"] * 3:
            yield f"{row.id} is said to have killed its process, and has not lost three in a row"
        elif beside[last[-1].runner] > 1:
            yield f"{row.id} is said to have killed its process, beside {beside[last[-1].runner] - 1} others"
        elif row.state != FAILED:
            yield f"{row.id} is said to have killed its process, and is {row.state}"


def successes_are_their_own(case: Case) -> Iterator[str]:
    """Each task of the harness returns its token: the result in the store is of the attempt that the store says succeeded."""
    for row in case.found.rows.values():
        if row.state == SUCCEEDED and row.result != str(row.token):
            yield f"{row.id} succeeded under token {row.token}, with the result {row.result}"


def recorded_ends_stand(case: Case) -> Iterator[str]:
    """A terminal end that the store has told stands, unless a failed job was requeued."""
    for id, records in case.story.records.items():
        row = case.found.rows.get(id)
        for recorded in records:
            if recorded.to != QUEUED and row is not None and row.state != recorded.to and not case.story.requeues.get(id):
                yield f"{id}: the store told that it {recorded.to}, and it is {row.state}"


def cancelled_is_cancelled(case: Case) -> Iterator[str]:
    for id, answers in case.story.cancels.items():
        row = case.found.rows.get(id)
        if "cancelled" in answers and row is not None and row.state != CANCELLED:
            yield f"{id}: the cancel was answered with cancelled, and it is {row.state}"
    for row in case.found.rows.values():
        if row.state == CANCELLED and not _may_be_cancelled(case.story, row):
            yield f"{row.id} is cancelled, and nobody asked for it"


def _may_be_cancelled(story: Story, row: Row) -> bool:
    return row.id in story.cancels or row.id in story.discarded or row.task == "quitter"
