"""Where the database lies: what can't become our file is refused in a sentence, what can is made."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from asyncjobs.errors import ConfigurationError, StoreMismatch
from asyncjobs.store.sqlite.connection import refused


def resolved(path: str | os.PathLike[str]) -> str:
    """Absolute, and without symbolic links: SQLite keeps its log beside the file that a link points to, and so do we.

    Raises ConfigurationError for what is no path.
    """
    text = os.fspath(path)
    if not text or "\x00" in text:
        raise ConfigurationError(f"{text!r} is no path for a database; give one, e.g. Jobs('jobs.db')")
    try:
        return "/" + os.path.realpath(text).lstrip("/") if os.sep == "/" else os.path.realpath(text)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{text!r} is relative to a working directory that is gone; give an absolute path") from error


def prepare(path: str) -> None:
    """Make the file, readable by its owner alone, where there is none. Raises StoreMismatch, StoreUnavailable, StoreFull."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise StoreMismatch(f"{path}: the folder {folder} does not exist. Create it, or give Jobs another path.")
    try:
        found = os.stat(path)
    except FileNotFoundError:
        _create(path)
        return
    except OSError as error:
        raise refused(error, f"{path} can't be looked at ({error.strerror}); check the owner and mode of its folders") from error
    _check_kind(path, found)
    if not os.access(path, os.R_OK | os.W_OK):
        raise StoreMismatch(f"{path} may not be read and written by this user (uid {os.getuid()}); check its owner and mode")
    if not os.access(folder, os.W_OK):
        raise StoreMismatch(f"{folder} may not be written by this user (uid {os.getuid()}), but SQLite keeps files beside {path}")


def check_there(path: str) -> None:
    """For who only reads it. Makes nothing. Raises StoreMismatch, StoreUnavailable."""
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise StoreMismatch(f"{path} is not there, and was not made; give the file that an app keeps its jobs in") from error
    except OSError as error:
        raise refused(error, f"{path} can't be looked at ({error.strerror}); check the owner and mode of its folders") from error
    _check_kind(path, found)
    if not os.access(path, os.R_OK):
        raise StoreMismatch(f"{path} may not be read by this user (uid {os.getuid()}); check its owner and mode")


def _check_kind(path: str, found: os.stat_result) -> None:
    """One file with one name, in a folder that it shares with its log."""
    if stat.S_ISDIR(found.st_mode):
        raise StoreMismatch(f"{path} is a folder; give Jobs a file in it, e.g. {os.path.join(path, 'jobs.db')}")
    if not stat.S_ISREG(found.st_mode):
        raise StoreMismatch(f"{path} is no regular file; give Jobs another path")
    if found.st_nlink > 1:
        raise StoreMismatch(
            f"{path} has {found.st_nlink} names (hard links), and SQLite keeps a log beside each: what is stored by one is lost by "
            f"the other. Remove the others; `find / -xdev -samefile {path}` lists them."
        )
    if path in _mount_points():
        raise StoreMismatch(
            f"{path} is mounted by itself, and its log beside it would stay behind with the container. Mount the folder that it "
            f"lies in, {os.path.dirname(path)}, instead."
        )


def _mount_points() -> set[str]:
    """Linux; nothing elsewhere. proc_pid_mountinfo(5): the fifth field, with blanks and the like in octal."""
    with suppress(OSError):
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
        return {re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split()[4]) for line in lines}
    return set()


def _create(path: str) -> None:
    """An empty file of mode 0600. Before SQLite has it: later, closing a descriptor of ours would drop SQLite's locks."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:  # another process was first
        return
    except OSError as error:
        sentence = (
            f"{path} can't be created ({error.strerror}) by this user (uid {os.getuid()}); check the folder's owner, mode, mount"
        )
        raise refused(error, sentence) from error
