"""How much is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """pairs: slices of `seconds` of each side, for what is measured often and cheaply; runs: for what takes longer.

    drained: jobs of one drain. samples: single latencies in a run. loaded: seconds of load on the app in a run.
    depths: queued jobs, the last of which stands for "a million". watched: seconds that an idle app is looked at in a run.
    imports: interpreters of each kind.
    """

    pairs: int
    seconds: float
    runs: int
    drained: int
    samples: int
    loaded: float
    depths: Sequence[int]
    watched: float
    imports: int

    @property
    def many(self) -> int:
        return self.depths[-1]


FULL = Scale(
    pairs=15, seconds=0.4, runs=5, drained=20_000, samples=100, loaded=3.0,
    depths=(10_000, 100_000, 1_000_000), watched=10.0, imports=15,
)  # fmt: skip
QUICK = Scale(
    pairs=3, seconds=0.25, runs=1, drained=5_000, samples=50, loaded=1.5, depths=(100_000,), watched=4.0, imports=5
)  # fmt: skip
