"""The figures as a Markdown table, and its place in the README."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.crash.survives.apps.shape import AT_ONCE, LONGEST, SHORTEST
from tests.crash.survives.campaign import MOMENTS
from tests.crash.survives.contenders import HUEY, Contender
from tests.crash.survives.judge import Figures
from tests.crash.survives.load import CLIENTS, RATE
from tests.crash.survives.machine import GRACE

BEGIN, END = "<!-- survives:begin -->", "<!-- survives:end -->"

Results = Mapping[Contender, tuple[Figures, Figures | None]]  # through kills, through deploys


def table(results: Results, *, kills: int, deploys: int, command: str, seed: int) -> str:
    """With the line under it that says where it is from. Markdown; the last paragraph is the command, versions and date."""
    heads = ["", "acknowledged", f"lost in {kills} kills", "run twice", "begun again", "resumed after: median", "worst"]
    if deploys:
        heads.append(f"lost in {deploys} deploys")
    rows = [_row(contender, *figures) for contender, figures in results.items()]
    lines = [_line(heads), _line(["---"] + ["---:"] * (len(heads) - 1)), *map(_line, rows)]
    return "\n\n".join(["\n".join(lines), *_notes(results, deploys), _source(results, command, seed)])


def rewrite(readme: Path, text: str) -> None:
    """Put it between the two marks. Raises ValueError where they aren't."""
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has no {BEGIN} with {END} after it; put them where the table belongs")
    readme.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def _row(contender: Contender, killed: Figures, deployed: Figures | None) -> list[str]:
    row = [
        contender.name,
        f"{killed.acknowledged:,}",
        f"**{killed.lost:,}**",
        f"{killed.ended_twice:,}",
        f"{killed.begun_twice:,}",
        _seconds(killed.median_resumed),
        _seconds(killed.worst_resumed),
    ]
    if deployed is not None:
        row.append(f"**{deployed.lost:,}** of {deployed.acknowledged:,}")
    return row


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.2f} s"


def _notes(results: Results, deploys: int) -> list[str]:
    notes = [
        f"Every contender got the same load ({CLIENTS} connections, {RATE:.0f} pieces of work a second, "
        f"{SHORTEST * 1000:.0f} to {LONGEST * 1000:.0f} ms each) and the same moments, {MOMENTS[0]:g} to {MOMENTS[1]:g} s after its "
        "start, at which every process got SIGKILL. *Lost*: answered 202 and never finished. *Run twice*: finished more than once, which at-least-once "
        "means: the process died between the work and the record of it. *Begun again*: begun more than once, as what was "
        "interrupted is. "
        "*Resumed*: from the new server's first answer until the first piece of interrupted work began again."
    ]
    if deploys:
        notes.append(f"*Deploy*: SIGTERM to every process, SIGKILL to what is left {GRACE:g} s later.")
    if HUEY in results:
        notes.append(
            f"huey's consumer is a process of its own with {AT_ONCE} workers (the others' limit; its default of 1 could not keep "
            "up) and its defaults otherwise. It takes a task off the disk before it runs, and its documentation says that it does "
            "not promise at-least-once: what waits survives, what runs is lost. By default SIGTERM interrupts "
            "what runs; SIGINT would let it finish."
        )
    return notes


def _source(results: Results, command: str, seed: int) -> str:
    versions = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    versions += [contender.version for contender in results if contender.version]
    return f"`{command}` (seed {seed}; {', '.join(versions)}), {datetime.now(UTC):%Y-%m-%d}."
