"""The log (`-wal`), and how it moves into the database: a part now and then, all of it after an error."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import suppress

from asyncjobs.store.sqlite.connection import code_of

logger = logging.getLogger("asyncjobs.store")

# Rows changed between checkpoints, and how many a commit counts for besides: at about six changed rows a page, and four or five
# pages that the smallest commit writes, 3 to 4 MB of log.
CHECKPOINT_CHANGES = 6_000
COMMIT = 30
# Bytes that the log may grow by between checkpoints, for large rows and for what siblings write. Once checkpointed and read by
# nobody it is begun anew, and cut to LOG_KEPT first where it was longer, so that growth past that is seen again. As a rule it
# is not longer, and so overwritten: four pages and their fdatasync took 113 µs there, and 248 µs where they made the file grow.
LOG_GROWTH, LOG_KEPT = 4 << 20, 8 << 20
LOOK_AFTER = 8  # changes, and as many commits, between looks at the size: four small commits, or one of more rows


class Log:
    """Of the one write connection, whichever it is at the moment; on its thread."""

    def __init__(self, path: str, database: str) -> None:
        self._path = path
        self._database = database  # a file: URI
        self._checkpointer: sqlite3.Connection | None = None
        self._changes_seen = 0  # total_changes at the last checkpoint
        self._commits = 0  # since then
        self._looked_after = 0  # changes and commits since then, as of the last look at the size
        self._size_seen = 0  # bytes at the last checkpoint, or as it was cut since
        self._pages_doubtful = False  # a checkpoint's sync failed: see empty()

    def begin(self) -> None:
        """The connection is a new one."""
        self._changes_seen = self._commits = self._looked_after = 0

    def end(self) -> None:
        """The connection is about to close."""
        if self._checkpointer is not None:
            with suppress(sqlite3.Error):
                self._checkpointer.close()
            self._checkpointer = None

    def is_long(self, connection: sqlite3.Connection) -> bool:
        """To be asked after each commit."""
        self._commits += 1
        changes = connection.total_changes - self._changes_seen
        if changes + COMMIT * self._commits > CHECKPOINT_CHANGES:
            return True
        if changes + self._commits - self._looked_after < LOOK_AFTER:
            return False
        size, self._looked_after = self._size(), changes + self._commits
        self._size_seen = min(self._size_seen, size)
        return size - self._size_seen > LOG_GROWTH

    def checkpoint(self, connection: sqlite3.Connection) -> bool:
        """Move the log into the database, while nobody can write. False: it has to be emptied before anything more is committed.

        SQLite 3.7.0 to 3.51.2 can lose committed rows when one process checkpoints passively while another resets the log: so
        no connection ever does it by itself, and this one does it by a helper while it holds the write lock. (What the last
        connection does as it closes happens under an exclusive lock, where the race can't be.)
        """
        self._changes_seen, self._commits, self._looked_after = connection.total_changes, 0, 0
        self._size_seen = self._size()
        try:
            if self._checkpointer is None:
                self._checkpointer = sqlite3.connect(self._database, uri=True, isolation_level=None)
                self._checkpointer.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:  # the batch before it is committed all the same; the log grows until the next time
            logger.warning("%s: the checkpoint failed (%s); it is tried again later", self._path, error)
            if code_of(error) == sqlite3.SQLITE_IOERR:  # a sync of the log that failed leaves a gap that no later one closes
                self._pages_doubtful = True
                return False
        return True

    def empty(self, connection: sqlite3.Connection) -> None:
        """Move all of it into the database and cut it to nothing. Raises sqlite3 errors.

        After a failed fsync the kernel may have dropped what it could not write, says nothing of it the next time, and still
        reads it back: the re-run would find its rows in a log of which the disk has a part, and later commits would stand
        behind the gap. In the database's pages they are written, and synced, anew. (TRUNCATE takes the write lock; where it
        can't have it for BUSY_TIMEOUT it would checkpoint passively, against the rule of checkpoint(): so ours is tried first.)

        Where the sync that failed was a checkpoint's, the pages dropped may be the database's own, and some of those written
        by an earlier checkpoint that a reader had cut short: SQLite counts such pages as moved without a sync, and would not
        write them again. So the whole database is written into the log first.
        """
        connection.execute("BEGIN IMMEDIATE")  # also says "read-only" where the checkpoint would say "I/O error"
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA synchronous = FULL")
        if self._pages_doubtful:
            self._write_every_page(connection)
        try:
            ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as failed:
            self._pages_doubtful = code_of(failed) == sqlite3.SQLITE_IOERR
            raise
        if busy:
            error = sqlite3.OperationalError("the log could not be emptied: somebody reads it")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

    def _write_every_page(self, connection: sqlite3.Connection) -> None:
        """Into the log, synced. VACUUM is SQLite's one way to write a page that has not changed (2.4 s for a million jobs, 2026-11)."""
        logger.warning("%s: a checkpoint's sync failed; every page of the database is written anew", self._path)
        connection.execute("PRAGMA temp_store = FILE")  # its copy may be larger than the memory
        try:
            connection.execute("VACUUM")
        finally:
            connection.execute("PRAGMA temp_store = MEMORY")
        self._pages_doubtful = False

    def _size(self) -> int:
        try:
            return os.stat(self._path + "-wal").st_size
        except OSError:
            return 0
