"""The story that every failure of the store must follow, from the app's, the caller's and the operator's side."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.crash.faults.server import QUICK, FaultServer

# Seconds; 5 for users. Above what a visitor may wait, so that a wait on the event loop would be seen.
BUSY = {f"asyncjobs.store.sqlite.{module}.BUSY_TIMEOUT": 1.5 * QUICK for module in ("committer", "store")}
LOCKED = "the database is locked by another program"
BALLAST = "x" * 100_000  # an argument that doesn't fit into a page that has room


def survives(
    server: FaultServer,
    *,
    begin: Callable[[], object],
    end: Callable[[], object],
    errors: set[str],
    reason: str | re.Pattern[str],
) -> None:
    """While the store fails, the app serves, callers are told one of `errors` for this reason, and health and the log say so;
    afterwards the runner is well by itself, the end of a job that ended meanwhile lands, and that job does not run twice."""
    running = server.begin("hold_one")
    behind = server.put("work_one")
    begin()
    with server.visited():
        is_refused(server, errors, reason)
        server.release()
        server.wait_until(lambda: [words[0] for words in server.ledger.lines("end")] == [running])
        is_degraded(server, reason)
        assert not server.starts(behind), "it was claimed from a store that fails"
    end()
    server.wait_until_said("asyncjobs has recovered")
    server.is_well()
    server.lost_nothing()
    assert len(server.starts(running)) == 1, "its outcome was lost, so it ran again"


def begins_degraded(server: FaultServer, *, end: Callable[[], object], reason: str) -> None:
    """A start while the store fails is no refusal: the app serves, and the runner begins when it can."""
    server.start()
    with server.visited():
        is_refused(server, {"StoreUnavailable"}, reason)
        is_degraded(server, reason)
    end()
    server.is_well()


def is_refused(server: FaultServer, errors: set[str], reason: str | re.Pattern[str]) -> None:
    """The caller of enqueue is told which error it is, and why."""
    refused = server.enqueue("work", ballast=BALLAST)
    assert refused.status == 503, refused
    assert refused.body["error"] in errors, refused
    assert re.search(reason, refused.body["message"]), refused


def is_degraded(server: FaultServer, reason: str | re.Pattern[str]) -> None:
    """Health and the log say that it is, and why."""
    server.wait_for_health(503)
    server.wait_until_said("health answers 503")
    server.wait_until(lambda: any("asyncjobs is degraded" in line and re.search(reason, line) for line in server.lines()))
