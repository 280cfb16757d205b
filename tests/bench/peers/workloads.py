"""The workloads that need no web server; each opens the store afresh and gives its figures by name (README.md has the units)."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from tests.bench.peers.adapter import BATCH, Adapter
from tests.bench.peers.probe import PROBE
from tests.bench.peers.size import Size

Figures = dict[str, float]
WARM = 20  # enqueues before the first that counts
PATIENCE = 120.0  # s that a drain may take
LOOK = 0.003  # s between two looks for unfinished jobs; no peer tells of the last end by itself


async def one_caller(adapter: Adapter, size: Size) -> Figures:
    """w1: one caller enqueues, each time when the job before is stored."""
    await adapter.open()
    figures = await _enqueue(adapter, size.seconds, callers=1)
    await adapter.close()
    return figures


async def many_callers(adapter: Adapter, size: Size) -> Figures:
    """w2: so many callers at once; and the peer's own call for many jobs, where it has one."""
    await adapter.open()
    figures = await _enqueue(adapter, size.seconds, callers=size.callers)
    if adapter.has_bulk:
        figures |= await _enqueue_batches(adapter, size.seconds / 2)
    await adapter.close()
    return figures


async def drain(adapter: Adapter, size: Size) -> Figures:
    """w3: jobs that were stored beforehand, until none is queued or running."""
    await adapter.open()
    await adapter.fill(size.jobs)
    await adapter.rest()
    await asyncio.sleep(size.settle)
    cpu, began = time.process_time(), time.perf_counter()
    await _run_first(adapter, size.jobs)
    async with asyncio.timeout(PATIENCE):
        while await adapter.unfinished() > 0:
            await asyncio.sleep(LOOK)
    end, cpu = time.perf_counter(), time.process_time() - cpu
    ran = PROBE.count
    await adapter.stop_worker()
    await adapter.close()
    return {
        "jobs": size.jobs,
        "ran": ran,
        "drained_per_s": size.jobs / (end - PROBE.first_at),
        "drained_from_start_per_s": size.jobs / (end - began),
        "cpu_us_per_job": cpu / size.jobs * 1e6,
    }


async def start_latency(adapter: Adapter, size: Size) -> Figures:
    """w4: from the call of enqueue to the job's first line, in an idle worker."""
    await adapter.open()
    await adapter.start_worker()
    await asyncio.sleep(size.settle)
    latencies = await _start_latencies(adapter, size)
    await adapter.stop_worker()
    await adapter.close()
    return {"samples": len(latencies), "min_ms": min(latencies) * 1e3, **_percentiles(latencies)}


async def empty_queue(adapter: Adapter, size: Size) -> Figures:
    """w6, first half: enqueue by one caller and a drain, with next to nothing queued."""
    return await _at_depth(adapter, size, depth=0)


async def deep_queue(adapter: Adapter, size: Size) -> Figures:
    """w6, second half: the same with `size.depth` jobs queued, the oldest of which are drained."""
    return await _at_depth(adapter, size, depth=size.depth)


async def _at_depth(adapter: Adapter, size: Size, depth: int) -> Figures:
    jobs = max(1, size.jobs // 2)
    await adapter.open()
    await adapter.fill(depth)
    await adapter.rest()
    await asyncio.sleep(size.settle)
    figures = await _enqueue(adapter, size.seconds, callers=1)
    await adapter.fill(max(0, jobs - depth - WARM - round(figures["enqueues"])))
    last_at = await _run_first(adapter, jobs)
    seconds = last_at - PROBE.first_at
    await adapter.stop_worker()
    await adapter.close()
    return {"depth": depth, "jobs": jobs, "enqueues_per_s": figures["enqueues_per_s"], "drained_per_s": jobs / seconds}


async def _enqueue(adapter: Adapter, seconds: float, callers: int) -> Figures:
    numbers = itertools.count()
    for _ in range(WARM):
        await adapter.enqueue(next(numbers))
    began = time.perf_counter()
    each = await asyncio.gather(*(_call(adapter, began + seconds, numbers) for _ in range(callers)))
    elapsed = time.perf_counter() - began
    latencies = [latency for one in each for latency in one]
    return {"enqueues": len(latencies), "enqueues_per_s": len(latencies) / elapsed, **_percentiles(latencies)}


async def _call(adapter: Adapter, until: float, numbers: Iterator[int]) -> list[float]:
    """One caller, until that moment; the seconds that each enqueue took."""
    latencies = []
    while (began := time.perf_counter()) < until:
        await adapter.enqueue(next(numbers))
        latencies.append(time.perf_counter() - began)
    return latencies


async def _enqueue_batches(adapter: Adapter, seconds: float) -> Figures:
    stored, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        await adapter.enqueue_many(range(stored, stored + BATCH))
        stored += BATCH
    return {"bulk": stored, "bulk_per_s": stored / (time.perf_counter() - began)}


async def _run_first(adapter: Adapter, count: int) -> float:
    """Start the worker; the moment at which `count` jobs have begun. Raises TimeoutError with how many did."""
    reached = PROBE.expect(count)
    await adapter.start_worker()
    try:
        async with asyncio.timeout(PATIENCE):
            return await reached
    except TimeoutError:
        raise TimeoutError(f"{PROBE.count:,} of {count:,} jobs began within {PATIENCE:g} s") from None


async def _start_latencies(adapter: Adapter, size: Size) -> list[float]:
    """Seconds each. Pauses differ, so that what polls is met at every moment of its interval."""
    latencies: list[float] = []
    chance = random.Random(4)  # the same pauses for every peer
    until = time.perf_counter() + size.budget
    while len(latencies) < size.samples and (time.perf_counter() < until or not latencies):
        await asyncio.sleep(chance.uniform(0.005, 0.03 + adapter.poll))
        began_at = PROBE.expect(1)
        called_at = time.perf_counter()
        await adapter.enqueue(len(latencies))
        async with asyncio.timeout(PATIENCE):
            latencies.append(await began_at - called_at)
    return latencies


def _percentiles(seconds: Sequence[float]) -> Figures:
    ordered = sorted(seconds)
    at = {"p50_ms": 0.5, "p99_ms": 0.99}
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] * 1e3 for name, fraction in at.items()}


Workload = Callable[[Adapter, Size], Awaitable[Figures]]
WORKLOADS: Mapping[str, Workload] = {"w1": one_caller, "w2": many_callers, "w3": drain, "w4": start_latency}
