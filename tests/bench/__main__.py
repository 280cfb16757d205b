"""Prints the table; `--quick` in about a minute, `--json FILE` keeps the figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import web
from tests.bench.bare import Bare, sample_row
from tests.bench.ours import Ours


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pairs, seconds = (5, 0.3) if options.quick else (15, 0.6)
    with tempfile.TemporaryDirectory(prefix="asyncjobs-bench-") as folder:
        rows = _rows(Path(folder), pairs, seconds, drained=4_000 if options.quick else 20_000)
    _print(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


def _rows(folder: Path, pairs: int, seconds: float, drained: int) -> list[dict[str, object]]:
    row = asyncio.run(sample_row(folder / "sample.db"))

    def fresh(name: str) -> Path:
        path = folder / f"{name}.db"
        if not path.exists():
            asyncio.run(sample_row(path))
        return path

    ours, bare = Ours(fresh("ours")), Bare(fresh("bare"), row)

    async def enqueue(callers: int) -> float:
        async with ours.enqueueing():
            return await ours.enqueue(seconds, callers)

    async def many() -> float:
        async with ours.enqueueing():
            return await ours.enqueue_many(seconds)

    table = [
        _paired("enqueue, 1 caller", pairs, lambda: asyncio.run(enqueue(1)), lambda: asyncio.run(bare.one_caller(seconds))),
        _paired("enqueue, 64 callers", pairs, lambda: asyncio.run(enqueue(64)), lambda: asyncio.run(bare.group_commit(seconds))),
        _paired("enqueue_many, 1,000 each", pairs, lambda: asyncio.run(many()), lambda: bare.batches(seconds)),
    ]
    cpu: list[float] = []
    turn = iter(range(10_000))

    def drain() -> float:
        rate, micros = asyncio.run(Ours(fresh(f"drain{next(turn)}")).drain(drained))
        cpu.append(micros)
        return rate

    drain_row = _paired("drain, limit 100", max(3, pairs // 3), drain, lambda: Bare(fresh(f"bd{next(turn)}"), row).drain(drained))
    table.append({**drain_row, "note": f"{statistics.median(cpu):.0f} µs of CPU a job"})
    table.append(_latency(fresh("latency"), 200))
    load = web.measure(folder, seconds * 8)
    table.append(
        {
            "what": "loaded app, requests/s", "unit": "/s", "ours": load["enqueue"], "bare": load["noop"],
            "ratio": load["enqueue"] / load["noop"],
            "note": f"{load['ran']:.0f} of {load['accepted']:.0f} accepted jobs ran, {load['executed']:.0f}/s",
        }
    )  # fmt: skip
    one, many_callers = table[0]["ours"], table[1]["ours"]
    assert isinstance(one, float)
    assert isinstance(many_callers, float)
    print(f"\ngroup commit: 64 callers enqueue at {many_callers / one:.1f} × the rate of one\n")
    return table


def _paired(what: str, pairs: int, ours: Callable[[], float], bare: Callable[[], float]) -> dict[str, object]:
    """Alternating slices, so that a drift of the machine falls on both; the ratio is the pairs' median."""
    both = [(ours(), bare()) for _ in range(pairs)]
    return {
        "what": what, "unit": "/s", "ours": statistics.median(a for a, _ in both), "bare": statistics.median(b for _, b in both),
        "ratio": statistics.median(a / b for a, b in both),
        "low": min(a for a, _ in both), "high": max(a for a, _ in both), "note": "",
    }  # fmt: skip


def _latency(path: Path, samples: int) -> dict[str, object]:
    latencies = asyncio.run(Ours(path).start_latency(samples))
    p50, p99 = latencies[len(latencies) // 2] * 1e3, latencies[int(len(latencies) * 0.99)] * 1e3
    return {
        "what": "enqueue to first line, idle",
        "unit": "ms",
        "ours": p50,
        "bare": None,
        "ratio": None,
        "note": f"p99 {p99:.1f} ms",
    }


def _print(rows: list[dict[str, object]]) -> None:
    print(f"{'':<28}{'ours':>12}{'bare':>12}{'ratio':>8}   min-max")
    for row in rows:
        ours, bare, ratio, low, high = (row.get(key) for key in ("ours", "bare", "ratio", "low", "high"))
        spread = f"{low:,.0f}-{high:,.0f}" if isinstance(low, float) and isinstance(high, float) else ""
        shown = f"{bare:>12,.0f}" if isinstance(bare, float) else f"{'':>12}"
        share = f"{ratio:>8.2f}" if isinstance(ratio, float) else f"{'':>8}"
        digits = 0 if row["unit"] == "/s" else 2
        print(f"{row['what']:<28}{ours:>12,.{digits}f}{shown}{share}   {spread} {row['note']}")


if __name__ == "__main__":
    main()
