"""Each family once, on a few jobs: what it says of them adds up."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest

from tests.bench import __main__ as program
from tests.bench import depth, drain, enqueue, idle, imports, latency, memory, neighbours, opened, page, table, tabs, web, workers
from tests.bench.families import FAMILIES
from tests.bench.files import Files, Kind
from tests.bench.mark import at_most
from tests.bench.ours import Ours
from tests.bench.row import Row
from tests.bench.scale import Scale
from tests.crash.footprint import KNOWN

TINY = Scale(
    pairs=1, seconds=0.05, runs=1, drained=400, samples=4, loaded=0.2, depths=(300, 8_000), watched=0.3, imports=1
)  # fmt: skip
needs_proc = pytest.mark.skipif(not KNOWN, reason="reads /proc")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def _plausible(rows: list[Row]) -> None:
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert len(row.ours) == len(row.limit or row.ours) > 0, row
        assert all(math.isfinite(sample) and sample >= 0 for sample in [*row.ours, *(row.limit or ())]), row
        assert row.cpu is None or 1 < row.cpu < 10_000, row


def test_enqueue(files: Files) -> None:
    rows = enqueue.measure(TINY, files)
    _plausible(rows)
    assert [row.name for row in rows] == ["enqueue.one", "enqueue.64", "enqueue.many"]
    assert all(row.ratio is not None and 0.01 < row.ratio < 10 for row in rows)


def test_what_is_said_to_be_enqueued_is_there(files: Files) -> None:
    ours = Ours(files.empty())

    async def enqueued() -> tuple[int, int]:
        async with ours.enqueueing():
            done = (await ours.enqueue(0.05, 8)).count + (await ours.enqueue_many(0.01, 100)).count
            return done, (await ours.jobs.stats()).queues[0].enqueued

    said, there = asyncio.run(enqueued())
    assert said == there > 100


def test_drain(files: Files) -> None:
    rows = drain.measure(TINY, files)
    _plausible(rows)
    assert rows[0].middle < (rows[0].limit_middle or 0), "nothing around it costs nothing"


def test_a_drain_runs_each_job_once(files: Files) -> None:
    ours = Ours(files.of(Kind.QUEUED, 300))

    async def drained() -> tuple[int, int, int]:
        rate = await ours.drain(300)
        async with ours.enqueueing():
            return rate.count, ours.began, (await ours.jobs.stats()).queues[0].succeeded

    assert asyncio.run(drained()) == (300, 300, 300)


def test_latency(files: Files) -> None:
    rows = latency.measure(TINY, files)
    _plausible(rows)
    p50, p99 = rows
    assert p50.middle <= p99.middle
    assert p50.excess == pytest.approx(p50.middle - (p50.limit_middle or 0))


def test_web(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "GRACE", 0.5)
    requests, ran = rows = web.measure(TINY, files)
    _plausible(rows)
    assert ran.ours == ran.limit, "as many as were accepted"
    assert ran.middle == pytest.approx(requests.middle * TINY.loaded, rel=0.5)


def test_depth(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth, "WARM", 1)
    rows = depth.measure(TINY, files)
    _plausible(rows)
    kinds = ["queued-300", "queued-8000", "finished-8000", "scheduled-8000", "held-8000"]
    assert [row.name for row in rows] == [f"depth.{of}.{kind}" for of in ("one", "64", "drain", "latency") for kind in kinds]


@needs_proc
def test_neighbours(files: Files) -> None:
    rows = neighbours.measure(TINY, files)
    _plausible(rows)
    assert rows[0].middle <= rows[1].middle


def test_neighbours_of_a_runner_that_has_nothing_to_do_are_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dry:
        def post(self, path: str) -> dict[str, int]:
            return {"ran": 7}

    monkeypatch.setattr(neighbours, "_asked", lambda server, seconds: [1.0])
    monkeypatch.setattr(neighbours, "STILL", 0.0)
    with pytest.raises(RuntimeError, match="too few were queued"):
        neighbours._slice("draining", Dry(), 0.1)  # type: ignore[arg-type]


def test_workers(files: Files) -> None:
    rows = workers.measure(TINY, files)
    _plausible(rows)
    assert [row.name for row in rows] == [f"workers.{n}-{what}" for n in (2, 4) for what in ("total", "share", "worst")]
    assert all(0 <= row.middle <= 1 for row in rows if row.name.endswith("share"))


def test_a_crowd_knows_its_total_its_least_share_and_its_worst_wait() -> None:
    crowd = workers.Crowd(
        [{"enqueued": 300, "ran": 300, "worst": 20.0, "cpu": 0.1}, {"enqueued": 100, "ran": 100, "worst": 70.0, "cpu": 0.1}], 2.0
    )
    assert (crowd.total, crowd.least_share, crowd.worst) == (400.0, 0.5, 70.0)
    assert crowd.cpu == pytest.approx(500.0)


def test_page(files: Files) -> None:
    rows = page.measure(TINY, files)
    _plausible(rows)
    assert len(rows) == 5


def test_opened(files: Files) -> None:
    rows = opened.measure(TINY, files)
    _plausible(rows)
    assert len(rows) == 5


def test_tabs(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabs, "EVERY", 0.1)
    monkeypatch.setattr(tabs, "QUEUES", 2)
    rows = tabs.measure(TINY, files)
    _plausible(rows)
    assert len(rows) == 10
    (lost,) = [row for row in rows if row.name == "tabs.lost"]
    assert lost.middle == 0


@needs_proc
def test_memory(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WARM", 100)
    monkeypatch.setattr(memory, "REST", 0.1)
    rows = memory.measure(TINY, files)
    _plausible(rows)
    assert rows[0].middle > 10


@needs_proc
def test_idle(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "SETTLED", 0.1)
    rows = idle.measure(TINY, files)
    _plausible(rows)
    assert rows[0].middle < 100


def test_imports(files: Files) -> None:
    rows = imports.measure(TINY, files)
    _plausible(rows)
    assert rows[0].middle > 1


def test_every_family_is_tested_here() -> None:
    assert set(FAMILIES) == {name.removeprefix("test_") for name in globals()} & set(FAMILIES)


@pytest.mark.parametrize(("quick", "most", "status", "last"), [(False, 1.0, 0, "passed"), (False, 0.5, 1, "FAILED"), (True, 0.5, 0, "not judged: a quick run is too short for that")])  # fmt: skip
def test_a_missed_bar_is_an_exit_status_unless_it_was_a_quick_look(
    quick: bool,
    most: float,
    status: int,
    last: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def measure(scale: Scale, files: Files) -> list[Row]:
        return [Row("one", "a figure", "ms", [1.0], bars=[at_most(most)])]

    readme, figures = tmp_path / "README.md", tmp_path / "bench.json"
    readme.write_text(f"{table.BEGIN}{table.END}")
    monkeypatch.setattr(program, "FAMILIES", {"one": measure, "two": measure})
    words = ["bench", "--only", "one", "--json", str(figures), "--readme", str(readme), *(["--quick"] if quick else [])]
    monkeypatch.setattr("sys.argv", words)
    assert program.main() == status
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == last
    assert lines[-2] == ("bars missed: none" if most == 1.0 else "bars missed: a figure")
    assert json.loads(figures.read_text())["command"] == f"python -m tests.bench{' --quick' if quick else ''} --only one"
    assert "| a figure | 1.00 ms |" in readme.read_text()


def test_a_readme_without_a_place_for_the_table_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "FAMILIES", {"one": lambda scale, files: pytest.fail("measured")})
    monkeypatch.setattr("sys.argv", ["bench", "--readme", str(tmp_path / "README.md")])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
