"""How a file becomes ours, and which are refused untouched."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asyncjobs.errors import ConfigurationError, StoreMismatch
from asyncjobs.job import State
from asyncjobs.store.base import Claim, Metric
from asyncjobs.store.sqlite import place, schema
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, everything, new, put, sign_on
from tests.store.sqlite import inside
from tests.store.sqlite.children import Children


async def refusal(path: Path) -> str:
    with pytest.raises(StoreMismatch) as info:
        await SQLiteStore(path).open()
    return str(info.value)


def make(path: Path, *statements: str) -> bytes:
    """A database made by somebody; its bytes."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.close()
    return path.read_bytes()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- a fresh file --------------------------------------------------------------------------------------------------------


async def test_a_fresh_file_is_the_owners_alone(path: Path, store: SQLiteStore) -> None:
    await put(store, "a")
    modes = {name: stat.S_IMODE(os.stat(f"{path}{name}").st_mode) for name in ("", "-wal", "-shm")}
    assert modes == {"": 0o600, "-wal": 0o600, "-shm": 0o600}


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("application_id", schema.APPLICATION_ID),
        ("user_version", schema.VERSION),
        ("auto_vacuum", 2),
        ("journal_mode", "wal"),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        ("busy_timeout", 5000),
        ("wal_autocheckpoint", 0),
    ],
)
async def test_a_fresh_file_and_its_connection_are_set_up(store: SQLiteStore, pragma: str, value: object) -> None:
    assert await inside.pragma(store, pragma) == value


async def test_an_empty_file_becomes_ours(path: Path) -> None:
    make(path)
    store = SQLiteStore(path)
    await store.open()
    assert await inside.pragma(store, "user_version") == schema.VERSION
    await store.close()


async def test_a_file_that_was_taken_out_of_wal_mode_is_put_back_into_it(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    await put(store, "a")
    await store.close()
    make(path, "PRAGMA journal_mode = DELETE")
    await store.open()
    assert await inside.pragma(store, "journal_mode") == "wal"
    assert len(await everything(store)) == 1
    await store.close()


async def test_a_damaged_time_of_a_job_keeps_nobody_out(path: Path, store: SQLiteStore) -> None:
    await put(store, "a")
    await store.close()
    damaged = sqlite3.connect(path)
    ((jobs,),) = damaged.execute("SELECT sql FROM sqlite_master WHERE name = 'jobs'").fetchall()
    damaged.execute("PRAGMA writable_schema = 1")
    loose = jobs.replace("enqueued_at INTEGER NOT NULL", "enqueued_at INTEGER")
    assert loose != jobs
    damaged.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'jobs'", (loose,))
    damaged.commit()
    damaged.close()
    damaged = sqlite3.connect(path)
    damaged.execute("UPDATE jobs SET enqueued_at = NULL")
    damaged.commit()
    damaged.close()
    await store.open()
    await put(store, "b")


# --- refused -------------------------------------------------------------------------------------------------------------


def newer(path: Path) -> bytes:
    return make(path, f"PRAGMA application_id = {schema.APPLICATION_ID}", f"PRAGMA user_version = {schema.VERSION + 1}")


def foreign_table(path: Path) -> bytes:
    return make(path, "CREATE TABLE theirs (x)", "INSERT INTO theirs VALUES (1)")


def foreign_id(path: Path) -> bytes:
    return make(path, "PRAGMA application_id = 7")


def foreign_version(path: Path) -> bytes:
    return make(path, "PRAGMA user_version = 3")


def never_was(path: Path) -> bytes:
    return make(path, f"PRAGMA application_id = {schema.APPLICATION_ID}", "PRAGMA user_version = -1")


def no_database(path: Path) -> bytes:
    path.write_bytes(b"Dear diary, " * 1000)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("make_file", "sentence"),
    [
        (newer, "newer asyncjobs"),
        (foreign_table, "another program"),
        (foreign_id, "another program"),
        (foreign_version, "another program"),
        (never_was, "schema -1, which never was"),
        (no_database, "is not an SQLite database"),
    ],
)
async def test_what_is_not_ours_is_refused_and_left_as_it_is(
    path: Path, make_file: Callable[[Path], bytes], sentence: str
) -> None:
    before = make_file(path)
    assert sentence in await refusal(path)
    assert contents(path.parent) == {path.name: before}


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert "does not exist" in await refusal(tmp_path / "nowhere" / "jobs.db")
    assert contents(tmp_path) == {}


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "is a folder" in await refusal(tmp_path)


async def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is no regular file" in await refusal(tmp_path / "pipe")


async def test_a_second_name_is_refused(path: Path) -> None:
    """SQLite would keep a log beside each name, and lose what is in the other's."""
    os.mknod(path)
    os.link(path, path.with_name("second.db"))
    assert "has 2 names (hard links)" in await refusal(path)


async def test_a_file_that_is_mounted_by_itself_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `docker -v ./jobs.db:/app/jobs.db` does: the log would stay in the container."""
    os.mknod(path)
    monkeypatch.setattr(place, "_mount_points", lambda: {"/", str(path)})
    assert f"Mount the folder that it lies in, {path.parent}" in await refusal(path)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/mountinfo is Linux's")
def test_mount_points_are_read_from_the_system() -> None:
    assert {"/proc"} <= place._mount_points()


async def test_a_link_is_the_file_that_it_points_to(path: Path, store: SQLiteStore) -> None:
    """SQLite keeps its log there; signs of life that lay beside the link would not be seen."""
    link = path.with_name("link.db")
    link.symlink_to(path)
    assert SQLiteStore(link).path == store.path


def test_a_working_directory_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigurationError, match="working directory that is gone"):
        SQLiteStore("jobs.db")


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_can_be_no_path_is_refused_at_once(path: str) -> None:
    with pytest.raises(ConfigurationError):
        SQLiteStore(path)


@pytest.mark.parametrize("name", ["a b?mode=ro#x%41.db", "jöbs 💼.db", "-rf.db"])
async def test_a_strange_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    store = SQLiteStore(tmp_path / name)
    await store.open()
    await put(store, "a")
    await store.close()
    assert os.listdir(tmp_path) == [name]


async def test_a_runners_folder_that_is_a_file_is_refused_at_register(path: Path, store: SQLiteStore) -> None:
    make(Path(f"{path}.runners"))
    with pytest.raises(StoreMismatch, match="sign of life"):
        await sign_on(store)
    await put(store, "a")


# --- as a user who may not -----------------------------------------------------------------------------------------------


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="asyncjobs-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def our_file(shared: Path) -> Path:
    path = shared / "jobs.db"

    async def create() -> None:
        store = SQLiteStore(path)
        await store.open()
        await store.close()

    asyncio.run(create())
    return path


def read_only_folder(shared: Path) -> Path:
    shared.chmod(0o555)
    return shared / "jobs.db"


def read_only_file(shared: Path) -> Path:
    path = our_file(shared)
    path.chmod(0o444)
    shared.chmod(0o777)
    return path


def read_only_folder_of_a_writable_file(shared: Path) -> Path:
    path = our_file(shared)
    path.chmod(0o666)
    shared.chmod(0o555)
    return path


def private_folder(shared: Path) -> Path:
    path = our_file(shared)
    shared.chmod(0o000)
    return path


@pytest.mark.parametrize(
    ("arrange", "sentence"),
    [
        (read_only_folder, "can't be created"),
        (read_only_file, "may not be read and written"),
        (read_only_folder_of_a_writable_file, "SQLite keeps files beside"),
        (private_folder, "can't be looked at"),
    ],
)
def test_what_this_user_may_not_write_is_refused_in_a_sentence(
    children: Children, tmp_path: Path, shared: Path, arrange: Callable[[Path], Path], sentence: str
) -> None:
    kind, said = asyncio.run(children("nobody", str(tmp_path / "warm.db"), at=arrange(shared)).answer())
    assert (kind, sentence in said) == ("StoreMismatch", True), said


# --- migrating -----------------------------------------------------------------------------------------------------------


def die_while_migrating(path: Path, stage: str) -> None:
    """In a child, at the first statement that begins so."""
    child = os.fork()
    if child == 0:
        try:
            connection = sqlite3.connect(path, isolation_level=None)
            connection.set_trace_callback(lambda statement: os._exit(7) if statement.strip().startswith(stage) else None)
            schema.prepare(connection, str(path))
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize("stage", ["CREATE TABLE runners", "INSERT INTO generation", "PRAGMA application_id =", "COMMIT"])
async def test_a_crash_within_the_migration_leaves_an_empty_file_that_migrates(path: Path, stage: str) -> None:
    die_while_migrating(path, stage)
    looking = sqlite3.connect(path)
    assert looking.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    assert looking.execute("PRAGMA user_version").fetchone() == (0,)
    looking.close()
    store = SQLiteStore(path)
    await store.open()
    await put(store, "a")
    assert await inside.pragma(store, "auto_vacuum") == 2
    await store.close()


def of_schema(version: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """A fresh file as it was then."""
    with monkeypatch.context() as then:
        then.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:version])
        then.setattr(schema, "VERSION", version)
        connection = sqlite3.connect(path, isolation_level=None)
        schema.prepare(connection, str(path))
    return connection


async def test_a_file_of_the_first_schema_keeps_its_counters(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There every insert was counted by itself."""
    connection = of_schema(1, path, monkeypatch)
    connection.execute("INSERT INTO jobs (id, name, queue, priority, run_at, enqueued_at, scheduled_at, survives, policy, args, meta)"
                       "VALUES ('a', 'work', 'default', 1, 0, 0, 0, 'power', '[20,null,0.25,null,null,true]', '{}', '{}')")  # fmt: skip
    connection.execute("INSERT INTO counters VALUES ('default', 'queued', 1), ('default', 'total_enqueued', 1)")
    connection.close()
    store = SQLiteStore(path)
    await store.open()
    await put(store, "b")
    queue = (await store.stats(now=NOW)).queues["default"]
    assert (queue.states[State.QUEUED], queue.totals[Metric.ENQUEUED]) == (2, 2)
    await store.close()


async def test_what_was_held_while_places_of_a_key_were_counted_over_all_queues_is_let_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = of_schema(9, path, monkeypatch)
    for seq, (queue, hold) in enumerate([("default", 3), ("slow", 3), ("slow", 3), ("slow", 2)]):
        connection.execute(
            "INSERT INTO jobs (id, name, queue, priority, run_at, enqueued_at, scheduled_at, survives, policy, args, meta, key, hold) "
            "VALUES (?, 'work', ?, 1, 0, 0, 0, 'power', '[20,null,0.25,null,null,true]', '{}', '{}', 'k', ?)", (f"j{seq}", queue, hold),
        )  # fmt: skip
    connection.execute("INSERT INTO counters VALUES ('default', 'held', 1), ('slow', 'held', 3)")
    connection.close()
    store = SQLiteStore(path)
    await store.open()
    queues = (await store.stats(now=NOW)).queues
    assert {queue: stats.held for queue, stats in queues.items()} == {"default": 0, "slow": 1}
    taken = await store.claim(Claim("r", {"default": 5, "slow": 5}, frozenset({"work"})), now=NOW)
    assert [job.id for job in taken.jobs] == ["j0"]
    assert {queue: stats.held for queue, stats in (await store.stats(now=NOW)).queues.items()} == {"default": 0, "slow": 3}
    await store.close()


async def test_schedules_and_taken_keys_of_the_ninth_schema_are_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = of_schema(9, path, monkeypatch)
    job = '["work","default","{}","{}",1,"[20,null,0.25,null,null,true]",null,"power"]'
    connection.execute(
        "INSERT INTO schedules VALUES ('tick', 'every 60000', ?, ?, 'latest', 0, NULL, NULL, 0, NULL, NULL, 1)", (job, NOW)
    )
    connection.execute("INSERT INTO taken_keys VALUES ('key', 'a', ?)", (NOW + 9,))
    connection.close()
    store = SQLiteStore(path)
    await store.open()
    [schedule] = await store.timetable.all()
    assert (schedule.job.name, schedule.job.key, schedule.job.expires_at) == ("work", None, None)
    [answer] = await store.insert([new("b", unique_key="key", unique_for=9)], now=NOW)
    assert (answer.id, answer.created) == ("a", False)
    await store.close()


async def test_a_file_that_another_process_migrates_meanwhile_is_not_taken_for_foreign(path: Path) -> None:
    """The moment between the questions to an empty file: somebody else makes it ours there."""
    connection = sqlite3.connect(path, isolation_level=None)
    sibling = sqlite3.connect(path, isolation_level=None, timeout=0)

    def meanwhile(statement: str) -> None:
        if statement.startswith("SELECT count(*) FROM sqlite_master"):
            connection.set_trace_callback(None)
            try:
                schema.prepare(sibling, str(path))
            except sqlite3.OperationalError:
                pass  # it has to wait for us, as it should

    connection.set_trace_callback(meanwhile)
    schema.prepare(connection, str(path))
    connection.close()
    sibling.close()


async def test_four_processes_that_open_a_fresh_file_at_once_all_succeed(path: Path, children: Children) -> None:
    started = [children("open") for _ in range(4)]
    for child in started:
        assert await child.answer() == "ready"
    for child in started:
        child.tell("go")
    assert [await child.answer() for child in started] == ["opened"] * 4
