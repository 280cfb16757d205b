"""How far back a drawing looks, and what ended in that time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncjobs.record import record
from asyncjobs.stats import Durations, Minute, QueueSnapshot, ended_in
from asyncjobs.store.base import HistoryBucket


@record
class Span:
    """length, step: seconds, the one a multiple of the other. step_words: after "in"."""

    name: str
    length: int
    step: int
    words: str
    step_words: str


HOUR = Span("1h", 3_600, 60, "last hour", "one minute")
SPANS: Mapping[str, Span] = {
    span.name: span
    for span in (
        HOUR,
        Span("6h", 6 * 3_600, 6 * 60, "last 6 hours", "6 minutes"),
        Span("24h", 24 * 3_600, 30 * 60, "last 24 hours", "half an hour"),
        Span("7d", 7 * 86_400, 3 * 3_600, "last 7 days", "3 hours"),
    )
}


@record
class Past:
    """What ended in each step, oldest first, the last one still going on; how long starts and runs took."""

    span: Span
    steps: Sequence[Minute]
    wait: Durations
    run: Durations


def past_of(queue: QueueSnapshot) -> Past:
    """The last hour, as the snapshot has it."""
    return Past(HOUR, queue.minutes, queue.wait, queue.run)


def past(buckets: Sequence[HistoryBucket], span: Span, now: int, queue: str | None) -> Past:
    """Of this queue, or of all. now: in ms; buckets: in steps of the span's."""
    mine = [bucket for bucket in buckets if queue in (None, bucket.queue)]
    return Past(
        span,
        ended_in(mine, now, span.length * 1000, span.step * 1000),
        Durations.of(bucket.wait for bucket in mine),
        Durations.of(bucket.run for bucket in mine),
    )
