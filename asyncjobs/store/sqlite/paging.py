"""One page of the jobs that match: looked for newest first, for a while at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from asyncjobs.store.base import JobQuery, Page, searched
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import COLUMNS, NUMBERS, askable, dumps, job_of

FEW = 20_000  # jobs of a state that are found by its index, some 10 ms for as many; more than that stand close together
LOOK_FOR = 0.25  # seconds after which a page goes on with what it has; a quarter of what a read may take
FIRST_STRETCH, LONGEST_STRETCH = 100, 64_000  # jobs that are looked at between looks at the clock
QUICK = 0.02  # seconds; after a stretch that took no longer the next is twice as long: jobs may have a quarter of a megabyte each
LARGE = 1 << 20  # characters of arguments, results and tracebacks that one page holds, and one job more
_HAS_TEXT = "(instr(lower(id), ?) OR instr(lower(key), ?) OR instr(lower(args), ?) OR instr(lower(error), ?))"
ALL = 2**63 - 1  # above every seq
_ARGS, _RESULT, _ERROR, _ATTEMPTS = (1 + COLUMNS.split(", ").index(column) for column in ("args", "result", "error", "attempts"))


class _Condition(NamedTuple):
    sql: str
    values: tuple[Any, ...]


def page(cursor: sqlite3.Cursor, query: JobQuery, limit: int, after: str | None, monotonic: Callable[[], float]) -> Page:
    """See `Reader.page`."""
    few = query.state is not None and _is_rare(cursor, query)
    statement, values = _statement(query, few=few)
    top, stretch, began = _position(after), ALL if few else FIRST_STRETCH, monotonic()
    before = began
    rows: list[tuple[Any, ...]] = []
    held = 0
    while True:
        bottom = _bottom(cursor, top, stretch)
        for row in cursor.execute(statement, (top, bottom, *values, limit + 1 - len(rows))):
            if len(rows) == limit or (rows and held > LARGE):
                return _page(rows, rows[-1][0])
            rows.append(row)
            held += sum(len(row[at] or "") for at in (_ARGS, _RESULT, _ERROR, _ATTEMPTS))
        if not bottom:
            return _page(rows, None)
        now = monotonic()
        if now - began > LOOK_FOR:
            return _page(rows, bottom)
        top, stretch, before = bottom, min(2 * stretch, LONGEST_STRETCH) if now - before <= QUICK else stretch, now


def _page(rows: list[tuple[Any, ...]], position: int | None) -> Page:
    return Page([job_of(row[1:]) for row in rows], None if position is None else str(position))


def _bottom(cursor: sqlite3.Cursor, top: int, stretch: int) -> int:
    """The seq of the last of so many jobs below; 0 where there are no more below those."""
    if stretch == ALL:
        return 0
    found = cursor.execute(sql.BELOW, (top, stretch)).fetchall()
    return found[-1][0] if found else 0


def _is_rare(cursor: sqlite3.Cursor, query: JobQuery) -> bool:
    ((count,),) = cursor.execute(sql.COUNT_OF_STATE, (query.state,)).fetchall()
    return int(count) <= FEW


def _statement(query: JobQuery, *, few: bool) -> tuple[str, list[Any]]:
    """What finds the matches between two positions, and the values that it wants between these and its limit."""
    conditions = list(_conditions(query, few=few))
    where = " AND ".join(["seq < ?", "seq >= ?", *(condition.sql for condition in conditions)])
    values = [value for condition in conditions for value in condition.values]
    return f"SELECT seq, {COLUMNS} FROM jobs WHERE {where} ORDER BY seq DESC LIMIT ?", values


def _conditions(query: JobQuery, *, few: bool) -> Iterator[_Condition]:
    if query.state is not None:
        yield _Condition("state = ?", (NUMBERS[query.state],))
        if few:
            yield _Condition(f"seq IN ({sql.OF_STATE[query.state]})", ())
    for column, wanted in (("queue", query.queue), ("name", query.task)):
        if wanted is not None:
            yield _Condition(f"{column} = ?", (askable(wanted),))
    if query.error is not None:  # stored as ["type","message",...]
        prefix = dumps([query.error])[:-1] + ","
        yield _Condition("substr(error, 1, ?) = ?", (len(prefix), prefix))
    if query.since is not None:
        yield _Condition("enqueued_at >= ?", (query.since,))
    if query.until is not None:
        yield _Condition("enqueued_at < ?", (query.until,))
    if query.text is not None:
        plain, coded = askable(searched(query.text)), searched(dumps(query.text)[1:-1])
        yield _Condition(_HAS_TEXT, (plain, plain, coded, coded))


def _position(after: str | None) -> int:
    """The seq that a page named, or one that is above all."""
    if after is not None and after.isascii() and after.isdecimal() and len(after) < 19:
        return int(after)
    return ALL
