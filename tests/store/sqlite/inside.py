"""What these tests look at, and reach for, inside a store."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from asyncjobs.store.sqlite.store import SQLiteStore
from asyncjobs.store.sqlite.transaction import Rank, Transaction
from asyncjobs.store.sqlite.writer import Writer

V = TypeVar("V")


def writer(store: SQLiteStore) -> Writer:
    assert store._writer is not None
    return store._writer


async def on_thread(store: SQLiteStore, function: Callable[[sqlite3.Connection], Any]) -> Any:
    """Run `function` on the writer's connection, between two commits."""
    writer(store)._inbox.recall()
    return await writer(store)._hopper.call(function)


async def idle(store: SQLiteStore) -> None:
    """Return when what follows a commit is over: callers are answered before a checkpoint."""
    await on_thread(store, lambda _: None)


async def pragma(store: SQLiteStore, name: str) -> Any:
    return await on_thread(store, lambda connection: connection.execute(f"PRAGMA {name}").fetchall()[0][0])


async def traced(store: SQLiteStore) -> list[str]:
    """Every statement of the write connection, from now on."""
    statements: list[str] = []
    await on_thread(store, lambda connection: connection.set_trace_callback(statements.append))
    return statements


def commits(statements: list[str]) -> int:
    """How many transactions these were; an insert outside of any is one."""
    count, inside = 0, False
    for statement in statements:
        inside = statement.startswith("BEGIN") or (inside and statement not in ("COMMIT", "ROLLBACK"))
        count += statement == "COMMIT" or (statement.startswith("INSERT") and not inside)
    return count


async def later(verb: Callable[[], Coroutine[Any, Any, V]]) -> V:
    """In the loop's next turn."""
    await asyncio.sleep(0)
    return await verb()


def submit(store: SQLiteStore, act: Callable[[Transaction], Any], rank: Rank = Rank.CHANGE) -> asyncio.Future[Any]:
    return writer(store).submit(rank, act, synced=False)


class Busy:
    """The writer is in the middle of a commit, for as long as the block lasts."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store
        self._go_on = threading.Event()
        self._future: asyncio.Future[Any] | None = None

    async def __aenter__(self) -> Busy:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def block(_: Transaction) -> None:
            loop.call_soon_threadsafe(begun.set)
            assert self._go_on.wait(10)

        self._future = submit(self._store, block)
        await begun.wait()
        return self

    def end(self) -> None:
        self._go_on.set()

    async def __aexit__(self, *_: object) -> None:
        self.end()
        assert self._future is not None
        await self._future


def failure(code: int, text: str = "injected") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def fail_tries(store: SQLiteStore, *errors: BaseException, committed: bool = False) -> None:
    """Let the next transactions end in these errors, before they begin or once they are committed; later ones succeed."""
    target, left = writer(store)._committer, list(errors)
    really = target._try

    def trying(connection: sqlite3.Connection, batch: Any) -> Transaction:
        if not left:
            return really(connection, batch)
        if committed:
            really(connection, batch)
        raise left.pop(0)

    target._try = trying  # type: ignore[method-assign]


async def turns(count: int) -> None:
    """Let every task of the loop take so many steps."""
    for _ in range(count):
        await asyncio.sleep(0)


def ended(threads: Iterable[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(2)
    return not any(thread.is_alive() for thread in threads)
