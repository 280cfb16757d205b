"""How durations are counted: fixed buckets, so that counts from many processes and minutes simply add up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

# Upper bounds in milliseconds, inclusive; one more bucket takes what is longer. About three a decade: the error of a
# percentile read from them stays below the step (2 to 2.5 times), and one queue writes at most 22 rows a minute.
BOUNDS: tuple[int, ...] = (
    1, 2, 5, 10, 20, 50, 100, 200, 500,
    1_000, 2_000, 5_000, 10_000, 20_000, 60_000,
    120_000, 300_000, 600_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000,
)  # fmt: skip


def bucket_of(milliseconds: int) -> int:
    """The index of the bucket that counts this duration; len(BOUNDS) for what is longer than the last bound."""
    return bisect_left(BOUNDS, milliseconds)


def percentile(counts: Mapping[int, int], fraction: float) -> float | None:
    """The duration, in milliseconds, that `fraction` of the counted ones did not exceed; None when nothing was counted.

    Linear within the bucket it falls into; the open bucket answers with the last bound.
    """
    total = sum(counts.values())
    if total == 0:
        return None
    wanted = fraction * total
    seen = 0
    for bucket in sorted(counts):
        inside = counts[bucket]
        if seen + inside >= wanted and inside:
            if bucket >= len(BOUNDS):
                return float(BOUNDS[-1])
            low = BOUNDS[bucket - 1] if bucket else 0
            return low + (BOUNDS[bucket] - low) * (wanted - seen) / inside
        seen += inside
    return float(BOUNDS[-1])


def merged(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """One histogram that counts what all of these count."""
    total: dict[int, int] = {}
    for counts in histograms:
        for bucket, count in counts.items():
            total[bucket] = total.get(bucket, 0) + count
    return total
