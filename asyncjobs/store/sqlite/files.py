"""Which files are open: what is written to one that was removed or replaced goes where nobody will look for it."""

from __future__ import annotations

import os

from asyncjobs.errors import StoreUnavailable

DATABASE, LOG, LOCKS = "", "-wal", "-shm"  # what each is called beyond the database's own path


class Files:
    """The database, its log, and the memory through which processes see each other's locks; as they were when they were opened."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int] | None] = {}  # by suffix; the writer's thread's

    def note(self, *suffixes: str) -> None:
        """These are ours, as they stand now."""
        for suffix in suffixes:
            self._known[suffix] = _identity_of(self._path + suffix)

    def stands(self, suffix: str) -> bool:
        """Whether what we have open is what others would open."""
        return _identity_of(self._path + suffix) == self._known[suffix]

    @property
    def all_stand(self) -> bool:
        return all(map(self.stands, self._known))

    @property
    def others_write(self) -> bool:
        """Whether somebody has opened the database since, and locks it where we don't look: then nothing may be written any more."""
        return not self.stands(DATABASE) or (not self.stands(LOCKS) and os.path.exists(self._path + LOCKS))

    def loss(self, rescued: bool) -> StoreUnavailable:
        """What to say where not all stand. rescued: what the log held is in the database."""
        if not self.stands(DATABASE):
            return StoreUnavailable(
                f"{self._path} was removed or replaced while it was open; stop the app, put the file back, start it again"
            )
        gone = self._path + (LOG if not self.stands(LOG) else LOCKS)
        if rescued:
            held = "What was stored is safe in the database; restart the app"
        elif self.stands(LOG):
            held = f"Stop every process that uses {self._path}, then start again; what was stored is in the log"
        else:
            held = "What was stored since the last checkpoint may be lost. Leave these files to the app, and restart it"
        return StoreUnavailable(f"{gone} was removed or replaced while it was open. {held}")


def _identity_of(path: str) -> tuple[int, int] | None:
    """Device and inode. By stat: opening the file in this process and closing it would drop SQLite's locks on it."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
