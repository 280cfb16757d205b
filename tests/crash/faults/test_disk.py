"""The disk is full, fails, or may not be written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.faults.conftest import Serve
from tests.crash.faults.outage import begins_degraded, is_refused, survives
from tests.crash.faults.small_disk import Disk, LimitedFile, small_disk

UNWRITABLE = {"StoreUnavailable", "OutcomeUnknown"}
HEED_MODES = [sys.executable, "-m", "tests.crash.faults.modes"]
REFUSED = 3  # uvicorn's exit status when the lifespan does not start


@pytest.fixture(params=["small disk", "limited file"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param == "limited file":
        yield LimitedFile()
        return
    with small_disk(tmp_path / "disk") as disk:
        yield disk


# --- full


def test_a_disk_that_fills_up(build: Serve, disk: Disk) -> None:
    server = disk.server(build).start()
    survives(
        server,
        begin=lambda: disk.fill(server),
        end=lambda: disk.free(server),
        errors={"StoreFull"},
        reason="the disk is full",
    )


def test_a_start_on_a_full_disk_is_degraded_until_there_is_room(build: Serve, disk: Disk) -> None:
    server = disk.server(build, full=True)
    begins_degraded(server, end=lambda: disk.free(server), reason="the disk is full")


# --- failing


def test_writes_that_the_system_refuses(serve: Serve) -> None:
    server = serve()
    survives(
        server,
        begin=lambda: server.do("limit_files"),
        end=lambda: server.do("unlimit_files"),
        errors=UNWRITABLE,
        reason="the disk reports an I/O error",
    )


# --- read-only


def test_a_file_that_may_only_be_read_when_an_error_has_it_reopened(build: Serve) -> None:
    """Its mode doesn't see to that by itself: SQLite may keep a descriptor that can write, and use it again."""
    server = build().start()

    def begin() -> None:
        server.do("open", mode="ro")
        server.do("limit_files")
        is_refused(server, UNWRITABLE, "")
        server.do("unlimit_files")

    survives(server, begin=begin, end=lambda: server.do("open", mode="rw"), errors=UNWRITABLE, reason="the database is read-only")


@pytest.mark.parametrize("what", ["jobs.db", "."])
def test_a_start_where_nothing_may_be_written_is_refused_in_a_sentence(build: Serve, what: str) -> None:
    server = build(prefix=HEED_MODES).start()
    server.put("work")
    server.terminate()
    path = server.folder / what
    writable = path.stat().st_mode
    path.chmod(writable & ~0o222)
    try:
        server.spawn()
        assert server.wait_for_end() == REFUSED
    finally:
        path.chmod(writable)
    assert server.says(f"{path} may not be")
    server.start()
    server.is_well()
    server.lost_nothing()
