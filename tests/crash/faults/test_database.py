"""Somebody else has his hands on the database file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.faults.conftest import Serve
from tests.crash.faults.outage import BALLAST, BUSY, LOCKED, begins_degraded, is_degraded, is_refused, survives
from tests.crash.faults.server import FaultServer
from tests.crash.faults.stranger import Stranger

REPLACED = "was removed or replaced while it was open"


def database(server: FaultServer) -> Path:
    return server.folder / "jobs.db"


def test_a_stranger_who_holds_the_lock_for_longer_than_we_wait(serve: Serve) -> None:
    server = serve(constants=BUSY)
    with Stranger(database(server)) as stranger:
        survives(server, begin=stranger.lock, end=stranger.unlock, errors={"StoreUnavailable"}, reason=LOCKED)


def test_a_start_while_a_stranger_holds_the_lock_is_degraded_until_he_lets_go(serve: Serve) -> None:
    server = serve(constants=BUSY)
    server.put("work")
    server.terminate()
    with Stranger(database(server)) as stranger:
        stranger.lock()
        begins_degraded(server, end=stranger.unlock, reason=LOCKED)
    server.lost_nothing()


def test_a_shutdown_while_a_stranger_holds_the_lock_ends_in_time(serve: Serve) -> None:
    """What ended meanwhile and could not be written runs again."""
    server = serve(env={"FAULTS_SHUTDOWN": "2"})
    running = server.begin("hold")
    with Stranger(database(server)) as stranger:
        stranger.lock()
        server.release()
        server.wait_until(lambda: server.ledger.lines("end"))
        assert server.terminate() < 5
    server.start()
    server.wait_until(lambda: len(server.starts(running)) == 2)
    server.release()
    server.lost_nothing()


def test_a_database_that_is_moved_away_and_put_back(serve: Serve) -> None:
    server = serve()
    aside = server.folder / "aside.db"
    survives(
        server,
        begin=lambda: database(server).rename(aside),
        end=lambda: aside.rename(database(server)),
        errors={"StoreUnavailable"},
        reason=REPLACED,
    )


def test_a_database_that_is_replaced_underneath_and_put_back(serve: Serve) -> None:
    """A copy of it counts as another's: what is committed to the open file would not be in the copy."""
    server = serve()
    aside = server.folder / "aside.db"

    def replace() -> None:
        database(server).rename(aside)
        shutil.copy(aside, database(server))

    survives(
        server,
        begin=replace,
        end=lambda: aside.rename(database(server)),
        errors={"StoreUnavailable"},
        reason=REPLACED,
    )


def test_a_database_that_is_deleted_is_never_written_to_again(serve: Serve) -> None:
    """It is gone for good, and says so until a restart begins a new one."""
    server = serve()
    server.ended(server.put("work"))
    database(server).unlink()
    with server.visited():
        is_refused(server, {"StoreUnavailable"}, REPLACED)
        is_degraded(server, REPLACED)
    assert not database(server).exists()
    server.terminate()
    server.start()
    server.is_well()


@pytest.mark.parametrize("end", [FaultServer.kill, FaultServer.terminate], ids=lambda end: end.__name__)
def test_a_log_that_is_removed_underneath_takes_nothing_with_it(serve: Serve, end: Callable[[FaultServer], object]) -> None:
    """The `-wal` holds what was acknowledged and is not in the database file yet."""
    server = serve()
    server.is_well()
    running = server.begin("hold")
    acknowledged = [server.put("work", delay=3600, ballast=BALLAST) for _ in range(3)]
    Path(f"{database(server)}-wal").unlink()
    with server.visited():
        # Within committer.LATELY of the commit before, the files are looked at only afterwards; what was written is then not known to stand.
        is_refused(server, {"StoreUnavailable", "OutcomeUnknown"}, "jobs.db-wal was removed or replaced")
        is_degraded(server, "jobs.db-wal was removed or replaced")
    end(server)
    server.start()
    assert [server.job(id)["state"] for id in acknowledged] == ["queued"] * 3
    server.wait_until(lambda: len(server.starts(running)) == 2)
    server.release()
    assert server.ended(running)["state"] == "succeeded"
    server.is_well()
