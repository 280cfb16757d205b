"""Whether what is open is still what others would open: each way in which it may not be, whatever the folder's time says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from asyncjobs.store.sqlite.files import DATABASE, LOCKS, LOG, Files

SUFFIXES = (DATABASE, LOG, LOCKS)
LONG_AGO = 1_000_000_000 * 10**9  # ns


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for suffix in SUFFIXES:
        (folder / f"jobs.db{suffix}").write_text(suffix)
    return folder


@pytest.fixture
def files(folder: Path) -> Files:
    files = Files(str(folder / "jobs.db"))
    files.note(*SUFFIXES)
    return files


def settle(folder: Path) -> None:
    os.utime(folder, ns=(LONG_AGO, LONG_AGO))


def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are looked at from now on."""
    seen: list[str] = []
    stat = os.lstat
    monkeypatch.setattr("asyncjobs.store.sqlite.files.os.lstat", lambda path: seen.append(os.path.basename(path)) or stat(path))
    return seen


def test_a_folder_in_which_nothing_has_come_or_gone_is_one_look(
    folder: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(folder)
    assert files.all_stand
    seen = looks(monkeypatch)
    assert files.all_stand
    assert seen == ["data"]


def test_a_folder_that_has_just_changed_is_not_trusted(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is removed within the same tick of the clock would not show in the folder's time."""
    assert files.all_stand
    seen = looks(monkeypatch)
    assert files.all_stand
    assert seen == ["data", "jobs.db", "jobs.db-wal", "jobs.db-shm"]


def _remove(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("another's")
    other.rename(path)


def _move_behind_a_link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def _move_the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def _replace_the_folder(path: Path) -> None:
    _move_the_folder(path)
    path.parent.mkdir()
    for suffix in SUFFIXES:
        (path.parent / f"jobs.db{suffix}").write_text(suffix)
    settle(path.parent)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("change", [_remove, _replace, _move_behind_a_link, _move_the_folder, _replace_the_folder])
@pytest.mark.parametrize("settled", [True, False])
def test_what_is_removed_or_replaced_is_noticed(
    folder: Path, files: Files, suffix: str, change: Callable[[Path], None], settled: bool
) -> None:
    if settled:
        settle(folder)
    assert files.all_stand
    change(folder / f"jobs.db{suffix}")
    assert not files.all_stand
    assert not files.all_stand  # nor is it forgotten


def test_what_is_noted_anew_stands(folder: Path, files: Files) -> None:
    settle(folder)
    assert files.all_stand
    _replace(folder / "jobs.db-wal")
    files.note(LOG)
    assert files.all_stand
