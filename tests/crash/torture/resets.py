"""Writers and checkpointers on one file, as fast as they can: the load that SQLite's WAL-reset race needs.

SQLite 3.7.0 to 3.51.2 can lose committed rows when a checkpoint that finds nothing to do meets a writer that begins the log
anew in that very moment. What is lost are whole pages of an older version, mostly in a file that is whole. So each commit here
changes one row somewhere in a thousand pages, and writers rest now and then, so that the log is begun anew often.

As a script, one of the processes: `write` hands out new tokens for its own jobs, as a claim does, and tells the ledger;
`checkpoint` calls wal_checkpoint(PASSIVE) all the time, with the write lock held (as the store does) or without.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from asyncjobs.store.sqlite import schema
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import insert_of
from tests.crash.torture.judge import Fault, look, no_stale_token, one_start_a_token, whole
from tests.crash.torture.ledger import Ledger, read
from tests.crash.torture.parent import ROOT
from tests.store.acts import NOW, new

WRITERS = 2
CHECKPOINTERS = 2
JOBS = 2_000
PADDING = "x" * 1_500  # bytes: two rows a page
# Found by trying (2026-11-24, two cores, SQLite 3.40.1): 20 and 0.5 ms gave stale rows in 4 of 4 runs of 8 s, without the rests
# it was 2 of 15 runs of 15 s.
BURST = 20  # commits between rests
REST = 0.0005  # seconds

FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))  # the first that has the mend, and the backports to older series


def is_vulnerable(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite has the race."""
    return version < FIXED[0] and not any(version[:2] == fixed[:2] and version >= fixed for fixed in FIXED[1:])


def torment(folder: Path, seed: str, seconds: float, *, guarded: bool) -> tuple[int, list[Fault]]:
    """So many commits beside checkpoints, and what they have done to the file."""
    path = folder / "jobs.db"
    with closing(_connect(path)) as connection:
        schema.prepare(connection, str(path))
        connection.execute("BEGIN")
        connection.executemany(sql.INSERT, [insert_of(new(f"j{n}", args=PADDING), NOW) for n in range(JOBS)])
        connection.execute("COMMIT")
    roles = [("write", n) for n in range(WRITERS)] + [("guarded" if guarded else "passive", n) for n in range(CHECKPOINTERS)]
    words = [[str(folder), role, str(n), seed, str(seconds)] for role, n in roles]
    log = folder / "processes.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "tests.crash.torture.resets"]
        processes = [subprocess.Popen([*command, *of_one], cwd=ROOT, stdout=file, stderr=file) for of_one in words]
    try:
        died = [f"{process.args!r} ended with {status}" for process in processes if (status := process.wait(seconds + 30))]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    claimed = [(id, token) for n in range(WRITERS) for line in read(_ledger(folder, n)) for (id, token) in line.values[0]]
    database = look(path)
    faults = [*whole(database), *one_start_a_token([], claimed), *no_stale_token(claimed, database.jobs)]
    return len(claimed), faults + [Fault("died", f"{who}: {log.read_text()[-1000:]}") for who in died]


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=2)
    connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    connection.execute("PRAGMA synchronous = OFF")  # for speed: nothing here is about power
    return connection


def _ledger(folder: Path, writer: int) -> Path:
    return folder / f"{writer}.ledger"


# --- in a process --------------------------------------------------------------------------------------------------------


def _write(folder: Path, writer: int, seed: str, until: float) -> None:
    chance, ledger, connection = random.Random(f"{seed} {writer}"), Ledger(_ledger(folder, writer)), _connect(folder / "jobs.db")
    mine = range(1 + writer, 1 + JOBS, WRITERS)
    while time.monotonic() < until:
        claimed = []
        for seq in chance.sample(mine, BURST):
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:  # SQLite's own waiting is unfair: the next turn may come
                continue
            claimed += connection.execute(_CLAIM, (seq,)).fetchall()
            connection.execute("COMMIT")
        ledger.write("claimed", claimed)
        time.sleep(REST)


_CLAIM = "UPDATE jobs SET token = token + 1 WHERE seq = ? RETURNING id, token"


def _checkpoint(folder: Path, until: float, *, guarded: bool) -> None:
    connection, helper = _connect(folder / "jobs.db"), _connect(folder / "jobs.db")
    while time.monotonic() < until:
        try:
            if guarded:
                connection.execute("BEGIN IMMEDIATE")
            try:
                helper.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                if guarded:
                    connection.execute("ROLLBACK")
                    time.sleep(REST)  # or no writer ever got the lock
        except sqlite3.OperationalError:  # the other checkpointer, or a writer, is at it
            continue


def main() -> None:
    folder, role, number, seed, seconds = sys.argv[1:]
    until = time.monotonic() + float(seconds)  # not before: on a busy machine a start alone may take that long
    if role == "write":
        _write(Path(folder), int(number), seed, until)
    else:
        _checkpoint(Path(folder), until, guarded=role == "guarded")


if __name__ == "__main__":
    main()
