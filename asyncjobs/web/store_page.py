"""What keeps the jobs: how large it is, whether it is whole, and when it was copied."""

from __future__ import annotations

from collections.abc import Iterator

from asyncjobs.record import record
from asyncjobs.store.base import Storage
from asyncjobs.web.act_pages import button
from asyncjobs.web.chores import Chore
from asyncjobs.web.layout import Section, document, moment
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.present import Fields, presented_moment
from asyncjobs.web.source import Source
from asyncjobs.web.view import View, Visit
from asyncjobs.web.words import NOTHING, counted, size


@record
class Seen:
    storage: Storage
    check: Chore | None
    backup: Chore | None


async def _look(source: Source, visit: Visit) -> Seen:
    return Seen(await source.storage(), visit.chores["check"], visit.chores["backup"])


def _page(seen: Seen, visit: Visit) -> str:
    place = visit.place
    facts = [element("div", element("dt", name), element("dd", fact)) for name, fact in _facts(seen.storage)]
    is_file = seen.storage.path is not None
    return document(
        place,
        "Store",
        element("dl", facts, class_="facts"),
        None
        if is_file
        else element(
            "p", "Jobs are kept in memory alone, and end with this process: give Jobs the path of a file.", class_="empty"
        ),
        _section("Is it whole?", _checked(seen.check), button(place, "check", "the file")) if is_file else None,
        _section("Is there a copy?", _copied(seen), button(place, "backup", "the file")) if is_file else None,
        here=Section.STORE,
        stays_fresh=True,
    )


def _facts(storage: Storage) -> Iterator[tuple[str, Content]]:
    yield "Kept in", storage.kind
    if storage.path is not None:
        yield "File", element("code", storage.path)
    if storage.schema is not None:
        yield "Schema", f"{storage.schema}"
    if storage.size is not None:
        free = f", {size(storage.free)} of it free" if storage.free else ""
        yield "Size", f"{size(storage.size)}{free}"
    if storage.log is not None:
        yield "Log, moved into the file at some 4 MiB", size(storage.log)
    if storage.room is not None:
        yield "Room on its disk", size(storage.room)


def _section(heading: str, told: Content, act: Content) -> Markup:
    return element("section", element("h2", heading), told, element("div", act, class_="buttons") if act else None)


def _checked(chore: Chore | None) -> Content:
    never = element(
        "p", "It was not checked by this process yet. A check reads all of the file, while jobs go on.", class_="empty"
    )
    if chore is None or chore.ended_at is None or chore.error is not None:
        return never if chore is None else _unfinished(chore, "The check")
    if not chore.found:
        return element(
            "p",
            element("span", "●", class_="ok", aria_hidden="true"),
            " It is whole, as of ",
            moment(chore.ended_at, NOTHING),
            ".",
        )
    faults = element("ul", [element("li", fault) for fault in chore.found])
    heading = f"✕ {counted(len(chore.found), 'fault was', 'faults were')} found. Keep the file, and restore a copy."
    return (element("p", element("strong", heading, class_="bad")), faults)


def _copied(seen: Seen) -> Content:
    chore, storage = seen.backup, seen.storage
    made = (
        element("p", "The last one beside it was made ", moment(storage.backup_at, NOTHING), f" ({size(storage.backup)}).")
        if storage.backup_at is not None and storage.backup is not None
        else element(
            "p", "There is none beside it. A copy holds what is stored at that moment, while jobs go on.", class_="empty"
        )
    )
    if chore is not None and (chore.ended_at is None or chore.error is not None):
        return (_unfinished(chore, "The copy"), made)
    return (element("p", "It is ", element("code", chore.found[0]), "."), made) if chore is not None else made


def _unfinished(chore: Chore, what: str) -> Markup:
    if chore.ended_at is None:
        return element("p", f"{what} is under way since ", moment(chore.began_at, NOTHING), ".")
    return element("p", element("strong", f"▲ {what} came to nothing: {chore.error}", class_="bad"))


def _fields(seen: Seen, visit: Visit) -> Fields:
    """kind, path, schema, size, free, log, room, backup_at, backup: see Storage. checked, copied: null, or the latest of this process: {began_at,
    ended_at (null while it is under way), found, error}, times also with _ms; found: faults, or the copy's path."""
    storage = seen.storage
    return {
        "kind": storage.kind,
        "path": storage.path,
        "schema": storage.schema,
        "size": storage.size,
        "free": storage.free,
        "log": storage.log,
        "room": storage.room,
        **presented_moment("backup_at", storage.backup_at),
        "backup": storage.backup,
        "checked": _chore(seen.check),
        "copied": _chore(seen.backup),
    }


def _chore(chore: Chore | None) -> Fields | None:
    if chore is None:
        return None
    return {
        **presented_moment("began_at", chore.began_at),
        **presented_moment("ended_at", chore.ended_at),
        "found": list(chore.found),
        "error": chore.error,
    }


STORE = View(_look, _page, _fields)
