"""Who is alive: real processes that are killed, stopped and forked."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from asyncjobs.errors import StoreFull, StoreUnavailable
from asyncjobs.job import State
from asyncjobs.store.sqlite import liveness
from asyncjobs.store.sqlite.liveness import Liveness, Process
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, ids, put, run, sign_on
from tests.store.sqlite import inside
from tests.store.sqlite.children import Child, Children


async def signed_on(children: Children, *words: str) -> Child:
    child = children("runner", *words)
    assert await child.answer() == "ready"
    return child


def process_of(pid: int) -> Process:
    return Process(pid, Process.this().boot_id, liveness._started(pid))


def files(path: Path) -> list[str]:
    return sorted(set(os.listdir(f"{path}.runners")) - {"write.gate"})


def remove(path: Path, runner: str) -> None:
    os.unlink(f"{path}.runners/{runner}.lock")


# --- the lock ------------------------------------------------------------------------------------------------------------


async def test_a_runner_is_dead_at_once_when_its_process_is_killed(store: SQLiteStore, children: Children) -> None:
    child = await signed_on(children, "c1")
    assert store._liveness.is_alive("c1", None)
    child.kill()
    assert not store._liveness.is_alive("c1", None)


async def test_a_killed_processs_jobs_are_orphans_at_once(store: SQLiteStore, children: Children) -> None:
    child = await signed_on(children, "c1")
    await put(store, "a")
    assert await child.ask("take") == ["a"]
    assert list(await store.orphans(10)) == []
    child.kill()
    assert ids(await store.orphans(10)) == ["a"]


async def test_a_forked_grandchild_does_not_keep_a_dead_runner_alive(store: SQLiteStore, children: Children) -> None:
    child = await signed_on(children, "c1")
    grandchild = await child.ask("fork")
    try:
        child.kill()
        os.kill(grandchild, 0)
        assert not store._liveness.is_alive("c1", None)
    finally:
        os.kill(grandchild, signal.SIGKILL)


async def test_a_stopped_process_is_alive(store: SQLiteStore, children: Children) -> None:
    child = await signed_on(children, "c1")
    child.stop()
    assert store._liveness.is_alive("c1", None)


async def test_another_handle_of_this_process_is_alive_until_it_retires(store: SQLiteStore, other: SQLiteStore) -> None:
    await sign_on(store)
    assert other._liveness.is_alive("r1", None)
    await store.retire("r1")
    assert not other._liveness.is_alive("r1", None)


async def test_closing_keeps_the_evidence_of_a_runner_that_did_not_retire(store: SQLiteStore, other: SQLiteStore) -> None:
    await run(store, "a")
    await store.close()
    assert list(await other.orphans(10)) == []


def test_nobody_sees_the_file_without_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sibling = Liveness(tmp_path / "runners")
    seen = []
    really = Path.rename

    def rename(self: Path, target: Path) -> Path:
        descriptor = os.open(self, os.O_RDWR)
        seen.append((sibling.known(), liveness._is_locked(descriptor)))
        os.close(descriptor)
        return really(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    mine = Liveness(tmp_path / "runners")
    mine.acquire("r1")
    assert seen == [(set(), True)]
    assert sibling.known() == {"r1"}
    mine.release("r1")


def test_a_forked_child_forgets_what_its_parent_holds(tmp_path: Path) -> None:
    mine = Liveness(tmp_path / "runners")
    mine.acquire("r1")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"%d %d" % (len(liveness._held_here), max(lock._descriptor for lock in liveness._locks)))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"0 -1"
    os.close(reading)
    os.close(writing)
    assert Liveness(tmp_path / "runners").is_alive("r1", None)
    mine.release("r1")


# --- how often is looked ---------------------------------------------------------------------------------------------------


async def test_who_is_alone_looks_once_a_second(
    path: Path, store: SQLiteStore, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    orphans = store._reader.orphans

    async def counting(limit: int, judge: Any) -> Any:
        looks.append(limit)
        return await orphans(limit, judge)

    monkeypatch.setattr(store._reader, "orphans", counting)
    await sign_on(store)
    for _ in range(4):
        assert list(await store.orphans(10)) == []
    assert len(looks) == 1
    child = await signed_on(children, "c1")
    await put(store, "a")
    await child.ask("take")
    for _ in range(4):
        assert list(await store.orphans(10)) == []
    assert len(looks) == 5, "somebody else is here"
    child.kill()
    assert ids(await store.orphans(10)) == ["a"]


# --- no file -------------------------------------------------------------------------------------------------------------


async def test_a_missing_file_is_no_proof_while_the_process_is_the_same(
    path: Path, store: SQLiteStore, children: Children
) -> None:
    child = await signed_on(children, "c1")
    await put(store, "a")
    await child.ask("take")
    remove(path, "c1")
    assert list(await store.orphans(10)) == []
    child.kill()
    assert ids(await store.orphans(10)) == ["a"]


async def test_a_missing_file_is_proof_when_the_process_is_another(path: Path, store: SQLiteStore, children: Children) -> None:
    child = await signed_on(children, "c1")
    remove(path, "c1")
    same = process_of(child.pid)
    assert store._liveness.is_alive("c1", same)
    assert not store._liveness.is_alive("c1", Process(same.pid, "another boot", same.started))
    assert not store._liveness.is_alive("c1", Process(same.pid, same.boot_id, "1"))
    assert not store._liveness.is_alive("c1", None)


async def test_a_missing_file_is_no_proof_against_a_handle_of_this_process(
    path: Path, store: SQLiteStore, other: SQLiteStore
) -> None:
    await run(store, "a")
    remove(path, "r1")
    assert list(await store.orphans(10)) == []
    assert list(await other.orphans(10)) == []


async def test_a_file_that_was_removed_is_shown_again_at_the_next_beat(
    path: Path, store: SQLiteStore, other: SQLiteStore
) -> None:
    await run(store, "a")
    remove(path, "r1")
    await store.beat("r1", now=NOW)
    assert "r1" in store._liveness.known()
    store._liveness.release("r1")
    assert ids(await other.orphans(10)) == ["a"], "the first lock lives on"


def test_a_process_that_cannot_be_looked_at_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    this = Process.this()

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr("builtins.open", refuse)
    assert Process(this.pid, this.boot_id, "another's").may_live()


async def test_a_runner_that_could_not_sign_off_is_dead_all_the_same(store: SQLiteStore, other: SQLiteStore) -> None:
    await run(store, "a")
    inside.fail_tries(store, inside.failure(sqlite3.SQLITE_FULL))
    with pytest.raises(StoreFull):
        await store.retire("r1")
    assert ids(await other.orphans(10)) == ["a"]


def test_where_the_system_tells_nothing_a_missing_file_proves_nothing() -> None:
    assert Process(1, "", "").may_live()


# --- a file system that refuses ------------------------------------------------------------------------------------------


async def test_a_file_that_cannot_be_opened_is_no_proof_of_death(
    store: SQLiteStore, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    await signed_on(children, "c1")

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(liveness.os, "open", refuse)
    assert store._liveness.is_alive("c1", None)


@pytest.mark.parametrize("reason", [errno.ENOTDIR, errno.EACCES, errno.EIO])
async def test_a_folder_that_cannot_be_read_stops_no_write(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    await sign_on(store)

    def refuse(*_: object) -> list[str]:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(liveness.os, "listdir", refuse)
    store._gate.refresh(now=True)
    await put(store, "a")
    await store.beat("r1", now=NOW)
    await store.prune({State.SUCCEEDED: NOW}, limit=1)


async def test_registering_without_a_descriptor_left_may_be_tried_again(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(liveness.os, "open", refuse)
        with pytest.raises(StoreUnavailable):
            await sign_on(store)
    await sign_on(store)


async def test_a_file_that_cannot_be_removed_keeps_nobody_from_retiring(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    await sign_on(store)
    monkeypatch.setattr(Path, "unlink", refuse)
    await store.retire("r1")
    assert not store._liveness.is_alive("r1", None)


# --- signing off ---------------------------------------------------------------------------------------------------------


async def test_retiring_removes_the_runners_files(path: Path, store: SQLiteStore) -> None:
    await sign_on(store)
    async with store.watch():
        assert files(path) == ["r1.lock", "r1.sock"]
        await store.retire("r1")
        assert files(path) == []


async def test_pruning_forgets_dead_runners_and_their_files(path: Path, store: SQLiteStore, children: Children) -> None:
    dead, running, living = [await signed_on(children, name) for name in ("dead", "running", "living")]
    await put(store, "a")
    await running.ask("take")
    dead.kill()
    running.kill()
    (Path(f"{path}.runners") / "dead.sock").symlink_to("nowhere")
    await store.prune({}, limit=1)
    assert files(path) == ["living.lock", "running.lock"]
    assert {runner.info.id for runner in (await store.stats(now=NOW)).runners} == {"living", "running"}
    assert living.process.poll() is None


# --- where the system has no open-file-description locks -----------------------------------------------------------------


@pytest.fixture
def without_ofd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "_SET", None)
    monkeypatch.setattr(liveness, "_GET", None)


@pytest.mark.usefixtures("without_ofd")
async def test_without_ofd_locks_a_killed_runner_is_dead_and_a_stopped_one_alive(store: SQLiteStore, children: Children) -> None:
    child = await signed_on(children, "c1", "lockf")
    child.stop()
    assert store._liveness.is_alive("c1", None)
    child.kill()
    assert not store._liveness.is_alive("c1", None)


@pytest.mark.usefixtures("without_ofd")
async def test_without_ofd_locks_looking_does_not_drop_our_own(
    store: SQLiteStore, other: SQLiteStore, children: Children
) -> None:
    await sign_on(store)
    child = await signed_on(children, "c1", "lockf")
    assert other._liveness.is_alive("r1", None)
    assert "r1" in other._liveness.siblings()
    assert await child.ask("alive", "r1")
    await store.retire("r1")
    assert not await child.ask("alive", "r1")


@pytest.mark.usefixtures("without_ofd")
async def test_without_ofd_locks_a_forked_grandchild_keeps_nobody_alive(store: SQLiteStore, children: Children) -> None:
    child = await signed_on(children, "c1", "lockf")
    grandchild = await child.ask("fork")
    try:
        child.kill()
        assert not store._liveness.is_alive("c1", None)
    finally:
        os.kill(grandchild, signal.SIGKILL)
