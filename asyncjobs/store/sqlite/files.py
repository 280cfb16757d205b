"""Which files are open: what is written to one that was removed or replaced goes where nobody will look for it."""

from __future__ import annotations

import os

from asyncjobs.errors import StoreUnavailable

DATABASE, LOG, LOCKS = "", "-wal", "-shm"  # what each is called beyond the database's own path
# Nanoseconds. A folder's time of change tells changes apart that lie further from each other than a tick of the kernel's clock
# (1 to 10 ms): once a file in it was written so much later, the time stays only while nothing comes or goes.
SETTLED = 100_000_000


class Files:
    """The database, its log, and the memory through which processes see each other's locks; as they were when they were opened."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._folder = os.path.dirname(path) or "."
        self._known: dict[str, tuple[int, int] | None] = {}  # by suffix; the thread's whose connection it is, as is what follows
        self._unchanged: tuple[int, int, int] | None = None  # the folder when all stood; None: not known

    def note(self, *suffixes: str) -> None:
        """These are ours, as they stand now."""
        for suffix in suffixes:
            self._known[suffix] = _identity_of(look(self._path + suffix))
        self._unchanged = None

    def stands(self, suffix: str) -> bool:
        """Whether what we have open is what others would open."""
        return _identity_of(look(self._path + suffix)) == self._known[suffix]

    @property
    def all_stand(self) -> bool:
        """Whether each of them does. One look at the folder tells, as long as nothing at all has come or gone in it."""
        found = look(self._folder)
        folder = None if found is None else (found.st_dev, found.st_ino, found.st_mtime_ns)
        if folder is not None and folder == self._unchanged:
            return True
        files = {suffix: look(self._path + suffix) for suffix in self._known}
        all_stand = all(_identity_of(files[suffix]) == known for suffix, known in self._known.items())
        written = max((file.st_mtime_ns for file in files.values() if file is not None), default=0)
        settled = folder is not None and written - folder[2] > SETTLED
        self._unchanged = folder if all_stand and settled else None
        return all_stand

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


def look(path: str) -> os.stat_result | None:
    """By stat: opening a file in this process and closing it would drop SQLite's locks on it. A link that stands where the file
    was is not the file: who opens it keeps another log."""
    try:
        return os.lstat(path)
    except OSError:
        return None


def _identity_of(file: os.stat_result | None) -> tuple[int, int] | None:
    """Device and inode."""
    return None if file is None else (file.st_dev, file.st_ino)
