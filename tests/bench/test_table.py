"""The table for a terminal, in Markdown, in the README, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.mark import at_least, at_most
from tests.bench.record import circumstances, write
from tests.bench.row import Row
from tests.bench.table import BEGIN, END, markdown, rewrite, text

GOOD = Row("enqueue.64", "enqueue, 64 callers", "/s", [27_000.0, 29_000.0], [40_000.0, 40_000.0], 31.2, [at_least(0.35, "ratio")])
BAD = Row(
    "import", "import asyncjobs", "ms", [169.4], [73.9], bars=[at_most(60, "excess")], note="starlette", beside="what it needs"
)


def test_the_text_has_every_figure_in_its_line() -> None:
    head, good, bad = text([GOOD, BAD]).splitlines()
    assert head.split() == ["ours", "min", "to", "max", "beside", "ratio", "CPU", "a", "job", "bar", "(aim)", "reached"]
    for cell in ("28,000/s", "27,000 to 29,000", "40,000 bare", "0.70", "31 µs", "≥ 0.35 ×"):
        assert cell in good
    for cell in ("169 ms", "73.9 what it needs", "2.29", "≤ beside + 60 ms", " no ", "starlette"):
        assert cell in bad


def test_markdown_marks_what_is_missed_and_says_where_it_is_from() -> None:
    table = markdown([GOOD, BAD], "`a command`, a date.")
    lines = table.splitlines()
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert "**no**" in lines[3]
    assert "**" not in lines[2]
    assert lines[-1] == "`a command`, a date."


def test_markdown_shows_the_worst_depth_of_each_figure() -> None:
    rates = [Row(f"depth.drain.{n}", f"drain, {n}", "/s", [ours], [10.0], bars=[at_least(0.8, "ratio")]) for n, ours in (("a", 9.0), ("b", 7.0))]  # fmt: skip
    times = [Row(f"depth.latency.{n}", f"start, {n}", "ms", [ours], [1.0], bars=[at_most(1.25, "ratio")]) for n, ours in (("a", 1.3), ("b", 1.1))]  # fmt: skip
    table = markdown([*rates, *times], "")
    assert "drain, b" in table
    assert "start, a" in table
    assert "drain, a" not in table
    assert "start, b" not in table


def test_the_readme_is_rewritten_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rewrite(readme, "new")
    assert readme.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("found", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_readme_without_the_marks_is_left_as_it_is(tmp_path: Path, found: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(found)
    with pytest.raises(ValueError, match="bench:begin"):
        rewrite(readme, "new")
    assert readme.read_text() == found


def test_the_json_says_what_was_measured_on_what_and_how_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write(path, [GOOD, BAD], circumstances("python -m tests.bench", 12.34, 0.5))
    said = json.loads(path.read_text())
    assert said["seconds"] == 12.3
    assert said["machine"]["cores"]
    assert {"Python", "SQLite", "aiosqlite", "asgi-asyncjobs"} <= set(said["versions"])
    good, bad = said["rows"]
    assert (good["name"], good["ours"], good["median"], good["ratio"], good["verdict"]) == (
        "enqueue.64", [27_000.0, 29_000.0], 28_000.0, 0.7, "bar",
    )  # fmt: skip
    assert (bad["verdict"], bad["bars"]) == ("missed", ["≤ beside + 60 ms"])
