"""How much of each workload is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Size:
    """Durations in seconds.

    seconds: that callers enqueue for, in w1, w2 and w6; batches half of it. callers: at once in w2. jobs: stored and drained in w3,
    half as many in w6. samples: of w4, as many as fit into `budget`. load: how long w5's clients send. depth: jobs queued
    beforehand in w6. settle: from the start of a worker to the first sample of w4, and of rest before a drain.
    """

    jobs: int
    seconds: float = 4.0
    callers: int = 64
    samples: int = 300
    budget: float = 12.0
    load: float = 10.0
    depth: int = 200_000
    settle: float = 1.0

    def scaled(self, factor: float) -> Size:
        """The same workloads, shorter or longer; never so short that they measure nothing."""
        return replace(
            self,
            jobs=max(50, round(self.jobs * factor)),
            seconds=max(0.2, self.seconds * factor),
            samples=max(10, round(self.samples * factor)),
            budget=max(3.0, self.budget * factor),
            load=max(1.0, self.load * factor),
            depth=max(1000, round(self.depth * factor)),
        )
