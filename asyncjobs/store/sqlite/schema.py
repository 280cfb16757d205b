"""The tables, and how a file comes to have them.

`user_version` counts the migrations that a file has been through; a later version appends one, and never changes an earlier.
"""

from __future__ import annotations

import sqlite3

from asyncjobs.errors import StoreMismatch

APPLICATION_ID = 0x616A6F62  # "ajob": says whose file this is

# Stored numbers of the states, in the order that "queued or running" and "ended" are ranges of.
QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = range(5)

_FIRST = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    queue TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 4),
    hold INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    token INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    runner TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER,
    finished_at INTEGER,
    enqueued_at INTEGER NOT NULL,
    scheduled_at INTEGER NOT NULL,
    unique_key TEXT,
    survives TEXT NOT NULL,
    policy TEXT NOT NULL,
    args TEXT NOT NULL,
    meta TEXT NOT NULL,
    result TEXT,
    error TEXT,
    progress TEXT,
    attempts TEXT,
    CHECK ((state >= 2) = (finished_at IS NOT NULL)),
    CHECK (state <> 1 OR (runner IS NOT NULL AND started_at IS NOT NULL))
);
CREATE INDEX jobs_claimable ON jobs (queue, priority, run_at, seq) WHERE state = 0 AND hold = 0;
CREATE INDEX jobs_held ON jobs (hold, name, queue, run_at) WHERE state = 0 AND hold <> 0;
CREATE INDEX jobs_running ON jobs (runner, queue) WHERE state = 1;
CREATE INDEX jobs_ended ON jobs (state, finished_at) WHERE state >= 2;
CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key) WHERE unique_key IS NOT NULL AND state < 2;

CREATE TABLE runners (
    id TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    pid_started TEXT NOT NULL,
    queues TEXT NOT NULL,
    tasks TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE pauses (queue TEXT PRIMARY KEY, paused INTEGER NOT NULL, changed_at INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE counters (queue TEXT NOT NULL, key TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (queue, key)) WITHOUT ROWID;

CREATE TABLE history (
    at INTEGER NOT NULL,
    queue TEXT NOT NULL,
    task TEXT NOT NULL,
    metric TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (at, queue, task, metric, bucket)
) WITHOUT ROWID;

CREATE TABLE generation (number INTEGER NOT NULL);
INSERT INTO generation VALUES (0);
"""

# Up to which seq the counters and history know of inserts; see transaction.Transaction.flush.
_COUNTED = "INSERT INTO counters (queue, key, n) SELECT '', 'counted', coalesce(max(seq), 0) FROM jobs"

# job: what each fire inserts, as schedules.py writes it. A counter has the last version that was given.
_SCHEDULES = """
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    times TEXT NOT NULL,
    job TEXT NOT NULL,
    next_at INTEGER,
    catch_up TEXT NOT NULL,
    jitter REAL NOT NULL,
    declared TEXT,
    paused TEXT,
    fired INTEGER NOT NULL,
    last_at INTEGER,
    last_job TEXT,
    version INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters (queue, key, n) VALUES ('', 'schedules', 0)
"""

# How far each queue's rate is spent; see rate.py.
_RATES = "CREATE TABLE rates (queue TEXT PRIMARY KEY, spent_to REAL NOT NULL) WITHOUT ROWID"

_KEYS = """
ALTER TABLE jobs ADD COLUMN key TEXT;
CREATE INDEX jobs_keyed ON jobs (key, state, hold, priority, run_at) WHERE key IS NOT NULL
"""

# Unique keys that are taken for a time, whatever becomes of the job.
_TAKEN = """
CREATE TABLE taken_keys (key TEXT PRIMARY KEY, id TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX taken_until ON taken_keys (until)
"""

# said: who and why, as JSON. A task that was resumed keeps its row until nothing of it is held any more.
_PAUSES = """
ALTER TABLE pauses ADD COLUMN said TEXT NOT NULL DEFAULT '["",""]';
CREATE TABLE task_pauses (
    task TEXT PRIMARY KEY,
    paused INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    said TEXT NOT NULL
) WITHOUT ROWID
"""

_EXPIRES = "ALTER TABLE jobs ADD COLUMN expires_at INTEGER"

_LIMITS = "CREATE TABLE kept_limits (queue TEXT PRIMARY KEY, limits TEXT NOT NULL) WITHOUT ROWID"

# Places of a key are counted in each queue for itself.
_KEYS_BY_QUEUE = """
DROP INDEX jobs_keyed;
CREATE INDEX jobs_keyed ON jobs (key, state, hold, queue, priority, run_at) WHERE key IS NOT NULL
"""

# What expires; and since when a unique key is taken, for clocks that are set back.
_TIMES = """
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE state = 0 AND expires_at IS NOT NULL;
ALTER TABLE taken_keys ADD COLUMN since INTEGER NOT NULL DEFAULT 0
"""

# Held while places were counted over all queues, some would wait for an end that lets nobody of their own queue go. A claim holds
# anew what is one too many.
_KEYS_LET_GO = """
UPDATE counters SET n = n - (SELECT count(*) FROM jobs WHERE state = 0 AND hold = 3 AND hold <> 0 AND jobs.queue = counters.queue)
    WHERE key = 'held';
UPDATE jobs SET hold = 0 WHERE state = 0 AND hold = 3 AND hold <> 0
"""

# What was done by hand. said: who, the verb and to what, as JSON.
_ACTS = "CREATE TABLE acts (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, said TEXT NOT NULL, n INTEGER NOT NULL)"

# History older than a day or so, by the hour.
_HOURS = """
CREATE TABLE hours (
    at INTEGER NOT NULL,
    queue TEXT NOT NULL,
    task TEXT NOT NULL,
    metric TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (at, queue, task, metric, bucket)
) WITHOUT ROWID
"""

# How each process is, as JSON.
_CONDITION = "ALTER TABLE runners ADD COLUMN condition TEXT"

MIGRATIONS: tuple[str, ...] = (
    _FIRST, _COUNTED, _SCHEDULES, _RATES, _KEYS, _TAKEN, _PAUSES, _EXPIRES, _LIMITS, _KEYS_BY_QUEUE, _TIMES, _KEYS_LET_GO, _ACTS, _HOURS,
    _CONDITION,
)  # fmt: skip
VERSION = len(MIGRATIONS)


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Make the file ours, or find that it is; migrate it. Raises StoreMismatch; sqlite3 errors come through."""
    version = _check(connection, path)
    if version == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of use only before the first table
    _check_wal(connection, path)
    if version == VERSION:
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]  # another process may have been first
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


def check_current(connection: sqlite3.Connection, path: str) -> None:
    """For who only reads it: raises StoreMismatch unless this file has the tables as this version knows them."""
    version = _check(connection, path)
    if version == 0:
        raise StoreMismatch(f"{path} is empty: no app has kept jobs in it yet")
    if version < VERSION:
        raise StoreMismatch(
            f"{path} has schema {version}, made by an older asyncjobs; this one reads {VERSION}, and changes no file that it only looks at. "
            "Look with the asyncjobs that its app has; an app that has this one migrates the file when it starts."
        )


def _check(connection: sqlite3.Connection, path: str) -> int:
    """The schema version of a file that may become, or is, ours."""
    connection.execute("BEGIN")  # one moment for all three: another process may be migrating the file
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    if application == APPLICATION_ID and version < 1:
        raise StoreMismatch(
            f"{path} is a database of asyncjobs, but of schema {version}, which never was. Something else has changed it: put a backup in "
            "its place, or give Jobs another path; the file was left as it is."
        )
    if application == APPLICATION_ID:
        if version > VERSION:
            raise StoreMismatch(
                f"{path} has schema {version}, made by a newer asyncjobs; this one knows up to {VERSION}. Upgrade asyncjobs here; "
                "the file was left as it is."
            )
        return version
    if application != 0 or version != 0 or tables:
        raise StoreMismatch(
            f"{path} is an SQLite database of another program (application id {application:#x}, {tables} tables and indexes). "
            "Give asyncjobs a file of its own, e.g. Jobs('jobs.db'); this one was left as it is."
        )
    return version


def _check_wal(connection: sqlite3.Connection, path: str) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreMismatch(
            f"{path}: SQLite can't keep a write-ahead log there (journal mode {mode!r}). Network file systems (NFS, SMB, 9p) "
            "can't; put the file on a local disk."
        )


def quoted(path: str) -> str:
    """For a file: URI."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
