"""The store's verbs with a line in the ledger for each: what it claimed and recorded, and how long that took."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asyncjobs.outcome import Finish
from asyncjobs.store.base import Claimed, Store, Verdict
from tests.crash.torture.ledger import Ledger

Verb = Callable[..., Awaitable[Any]]
WRITES = ("insert", "claim", "claim_alone", "finish", "cancel", "requeue", "set_paused", "register", "beat")


def watch(store: Store, ledger: Ledger) -> None:
    """From now on this store tells the ledger."""
    for name in WRITES:
        setattr(store, name, _timed(ledger, name, getattr(store, name)))
    for name in ("claim", "claim_alone"):
        setattr(store, name, _claiming(ledger, getattr(store, name)))
    setattr(store, "finish", _finishing(ledger, store.finish))  # noqa: B010  # as above: these are the instance's own now


def _timed(ledger: Ledger, name: str, verb: Verb) -> Verb:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        asked = time.monotonic_ns()
        answer = await verb(*args, **kwargs)
        ledger.write("commit", name, asked)
        return answer

    return timed


def _claiming(ledger: Ledger, verb: Verb) -> Verb:
    async def claim(*args: Any, **kwargs: Any) -> Claimed:
        claimed: Claimed = await verb(*args, **kwargs)
        if claimed.jobs:
            ledger.write("claimed", [[job.id, job.token] for job in claimed.jobs])
        return claimed

    return claim


def _finishing(ledger: Ledger, verb: Verb) -> Verb:
    async def finish(finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        asked = time.monotonic_ns()
        verdicts: Sequence[Verdict] = await verb(finishes, now=now)
        applied = [f for f, verdict in zip(finishes, verdicts, strict=True) if verdict is Verdict.APPLIED]
        if applied:
            ledger.write("recorded", asked, [[f.id, f.token, f.outcome, f.to] for f in applied])
        return verdicts

    return finish
