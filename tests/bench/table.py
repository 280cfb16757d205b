"""The rows as a table: for a terminal, and as Markdown in its place in the README."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tests.bench.mark import Goal
from tests.bench.row import Row, Verdict

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
HEADS = ("", "ours", "min to max", "beside", "ratio", "CPU a job", "bar (aim)", "reached")
_WIDTHS = (53, 12, 20, 20, 7, 10, 46, 7)


def text(rows: Sequence[Row]) -> str:
    lines = [_aligned(HEADS)]
    for row in rows:
        lines.append(_aligned(_cells(row)) + (f"  {row.note}" if row.note else ""))
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: Sequence[Row], source: str) -> str:
    """With the line under it that says where it is from. Of rows that are one figure at several depths the worst alone."""
    shown = [_marked(_cells(row)) for row in _worst(rows)]
    aligned = ["---", *["---:"] * 5, "---", "---"]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [HEADS, aligned, *shown]) + f"\n\n{source}"


def rewrite(readme: Path, table: str) -> None:
    """Put it between the two marks. Raises ValueError where they aren't."""
    before, after = around(readme)
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def around(readme: Path) -> tuple[str, str]:
    """What stands before the marks, and after them. Raises ValueError where they aren't, OSError where there is no such file."""
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has no {BEGIN} with {END} after it; put them where the table belongs")
    return before, after


def _cells(row: Row) -> list[str]:
    limit, ratio = row.limit_middle, row.ratio
    return [
        row.what,
        f"{_number(row.middle)}{row.unit_behind}",
        "" if len(row.ours) == 1 else f"{_number(row.low)} to {_number(row.high)}",
        "" if limit is None else f"{_number(limit)} {row.beside}",
        "" if ratio is None else f"{ratio:.2f}",
        "" if row.cpu is None else f"{row.cpu:,.0f} µs",
        _goals(row, row.bars) + (f" ({_goals(row, row.aims)})" if row.aims else ""),
        row.verdict,
    ]


def _goals(row: Row, goals: Sequence[Goal]) -> str:
    return "; ".join(goal.said(row.unit_behind) for goal in goals)


def _number(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def _aligned(cells: Sequence[str]) -> str:
    first, *others = zip(cells, _WIDTHS, strict=True)
    numbers, words = others[:5], others[5:]
    parts = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in numbers)]
    return "".join(parts) + "  " + "".join(f"{cell:<{width}}" for cell, width in words)


def _marked(cells: Sequence[str]) -> list[str]:
    *others, verdict = cells
    return [*others, f"**{verdict}**" if verdict == Verdict.MISSED else verdict]


def _worst(rows: Sequence[Row]) -> list[Row]:
    """`depth.drain.queued-1000000` and its like become one row for each figure: the one that its bar likes least."""
    groups = [
        list(group)
        for _, group in groupby(rows, key=lambda row: row.name.rpartition(".")[0] if row.name.count(".") > 1 else row.name)
    ]
    return [max(group, key=_badness) for group in groups]


def _badness(row: Row) -> float:
    """The higher the worse: a ratio that should be high, or one that should be low."""
    ratio = row.ratio or 0.0
    bar = row.bars[0] if row.bars else None
    return -ratio if getattr(bar, "least", True) else ratio
