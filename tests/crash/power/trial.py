"""One store at work on one disk that fails at one point: who was told what, and whether the file agrees."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from asyncjobs.errors import StoreUnavailable
from asyncjobs.job import Job, Survives
from asyncjobs.outcome import Finish
from tests.crash.power.disk import Disk
from tests.crash.power.faults import Fault, FaultyDisk, Operation
from tests.crash.power.judge import judge
from tests.crash.power.ladder import Ledger
from tests.crash.power.load import Time
from tests.crash.power.marked import MarkedStore
from tests.crash.power.recording import Event, Recorder
from tests.crash.power.vfs import Interposer, Unsynced
from tests.store import acts

CALLERS, ROUNDS, CANCELS = 3, 10, 3
SURVIVES: Sequence[Survives] = (
    "power",
    "crash",
    "crash",
    "crash",
    "crash",
    "crash",
)  # so that much is unsynced when a fault strikes
TRIES = 200  # of what must be repeated until it is answered; a fault lasts for some 20 operations
WITHIN = 30.0  # seconds, for what takes a tenth of one
CUTS = 3  # behind the fault, each after an answer; and one when all is done
KEPT = (0.0, 0.0, 0.5)  # of what is unsynced there, by choice


@dataclass(slots=True)
class Trial:
    """What came of it."""

    seen: Counter[Operation] = field(default_factory=Counter)
    struck: int = 0
    acknowledged: int = 0
    told: Counter[str] = field(default_factory=Counter)  # of inserts that raised, by error
    findings: list[str] = field(default_factory=list)


async def attempt(interposer: Interposer, fault: Fault | None, seed: int) -> Trial:
    """The load on a fresh disk with this fault; then the file as it is, and as a power cut would have left it, is judged."""
    trial, chance = Trial(), random.Random(seed)
    recorder = MarkedStore.recorder = Recorder()
    disk = FaultyDisk(recorder)
    with tempfile.TemporaryDirectory(prefix="asyncjobs-faults-") as folder:
        interposer.layer = disk
        path = Path(folder) / "jobs.db"
        async with asyncio.timeout(WITHIN):
            store = MarkedStore(path)
            disk.fault = fault
            await _until_answered(store.open)
            await _work(store, chance)
            cut = len(recorder.events)
            disk.mend()
            await _recovers(store, trial)
            await store.close()
        interposer.layer = Unsynced()
        files = {file.name: file.read_bytes() for file in path.parent.glob("jobs.db*") if file.is_file()}
    trial.seen, trial.struck = disk.seen, len(disk.struck)
    ledger = Ledger(recorder.events)
    _count(trial, ledger)
    absent = {id for id, ladder in ledger.ladders.items() if ladder.steps[0].call.error in ("StoreUnavailable", "StoreFull")}
    await _judge(trial, "closed", files, ledger, len(recorder.events), absent)
    for place, keep, image in _images(recorder.events, [*_places(ledger, disk.struck, cut, chance), cut], chance):
        await _judge(trial, f"cut {place}, keeping {keep}", image, ledger, place)
    return trial


def _count(trial: Trial, ledger: Ledger) -> None:
    for call in ledger.calls:
        if call.verb == "insert":
            trial.acknowledged += call.error is None
            trial.told[call.error or ""] += call.error is not None


def _places(ledger: Ledger, struck: Sequence[int], end: int, chance: random.Random) -> list[int]:
    """The first moment behind the fault at which something asked for since was safe, and others behind it.

    Not before: a cut while the log is emptied after a failed sync finds neither the log nor the database whole, and can leave
    a damaged file (16 of 164 images of one such commit, 2026-11). Nothing above the disk can mend that.
    """
    since = struck[-1] if struck else 0
    places = sorted(call.answered + 1 for call in ledger.calls if since < call.asked and call.answered < end and call.synced)
    return sorted({*places[:1], *chance.sample(places, min(CUTS - 1, len(places)))})


def _images(
    events: Sequence[Event], places: Sequence[int], chance: random.Random
) -> Iterator[tuple[int, float, dict[str, bytes]]]:
    disk, followed = Disk(), 0
    for place in places:
        disk.follow(events[followed:place])
        followed = place
        keep = chance.choice(KEPT)
        yield place, keep, disk.after_cut(chance, keep)


async def _judge(
    trial: Trial, name: str, files: Mapping[str, bytes], ledger: Ledger, cut: int, refused: Collection[str] = ()
) -> None:
    found = await judge(files, ledger, cut, refused)
    trial.findings += [f"{name}: {finding.fault}: {finding.detail}" for finding in found]


async def _recovers(store: MarkedStore, trial: Trial) -> None:
    """With the disk sound again, the next call works, and nobody has to do anything for it."""
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "a read": lambda: store.stats(now=acts.NOW),
        "an insert": lambda: acts.put(store, "recovered"),
        "a claim": lambda: acts.claim(store),
    }
    for what, call in calls.items():
        try:
            await call()
        except StoreUnavailable as error:
            trial.findings.append(f"the disk is sound again, and {what} fails: {error}")


async def _work(store: MarkedStore, chance: random.Random) -> None:
    time = Time()
    await _until_answered(partial(acts.sign_on, store))
    producing = [asyncio.ensure_future(_produce(store, f"c{n}", chance, time)) for n in range(CALLERS)]
    cancelling = asyncio.ensure_future(_cancel(store, time))
    while not all(task.done() for task in producing):
        await _claim_and_finish(store, chance, time)
    await asyncio.gather(*producing, cancelling)


async def _produce(store: MarkedStore, name: str, chance: random.Random, time: Time) -> None:
    """Inserts; who is refused goes on with the next job, as a handler does."""
    for n in range(ROUNDS):
        ids = [f"{name}-{n}-{i}" for i in range(chance.choice((1, 3)))]
        survives, args = chance.choice(SURVIVES), chance.randbytes(chance.choice((10, 10, 6_000))).hex()
        with suppress(StoreUnavailable):
            await acts.put(store, *ids, now=time.next(), survives=survives, args=args)
        with suppress(StoreUnavailable):
            await store.get(ids)


async def _claim_and_finish(store: MarkedStore, chance: random.Random, time: Time) -> None:
    """As a runner does: a claim that fails is forgotten, an end that fails is told again until it is recorded."""
    try:
        jobs = await acts.take(store, n=3, now=time.next())
    except StoreUnavailable:
        return
    ends = [_end(job, chance, time) for job in jobs]
    await _until_answered(partial(store.finish, ends, now=time.next()))


def _end(job: Job, chance: random.Random, time: Time) -> Finish:
    return acts.success(job) if chance.random() < 0.85 else acts.retry(job, time.next() + chance.choice((5, 100_000)))


async def _cancel(store: MarkedStore, time: Time) -> None:
    for n in range(CANCELS):
        id = f"x{n}"
        with suppress(StoreUnavailable):
            await acts.put(store, id, now=time.next(), queue="shelf", survives="crash")
            await _until_answered(partial(store.cancel, [id], now=time.next()))


async def _until_answered(call: Callable[[], Awaitable[object]]) -> None:
    """Again and again, as who must not give up does."""
    for _ in range(TRIES):
        with suppress(StoreUnavailable):
            await call()
            return
    raise AssertionError(f"still refused after {TRIES} tries")
