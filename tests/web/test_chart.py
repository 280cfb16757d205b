from __future__ import annotations

import re

import pytest

from asyncjobs.histogram import BOUNDS
from asyncjobs.stats import Minute
from asyncjobs.web.chart import bars, histogram, per_step, share, spark
from asyncjobs.web.markup import Markup
from asyncjobs.web.span import HOUR, Past
from tests.web.fakes import AS_OF, durations, minutes
from tests.web.html import Page


def hour(*ended: tuple[int, int]) -> Past:
    return Past(HOUR, minutes(*ended), durations(), durations())


def rects(drawing: Markup) -> list[tuple[float, float, float]]:
    """(x, y, height) of each."""
    return [
        (float(given["x"] or 0), float(given["y"] or 0), float(given["height"] or 0))
        for tag, given in Page(drawing.html).tags
        if tag == "rect"
    ]


def columns(drawing: Markup) -> dict[str, list[tuple[float, float, float]]]:
    """By look, (x, y, height) of each."""
    return {
        given["class"] or "": [
            (float(x), float(y), float(tall)) for x, y, tall in re.findall(r"M([\d.]+) ([\d.]+)h6v([\d.]+)h-6z", given["d"] or "")
        ]
        for tag, given in Page(drawing.html).tags
        if tag == "path" and given["class"] != "floor"
    }


def test_what_failed_stands_above_what_went_well_and_the_minute_that_goes_on_is_lighter() -> None:
    drawn = columns(per_step(hour((6, 2), (0, 0), (4, 0), (0, 4))))
    assert drawn == {
        "done": [(56 * 7, 24, 72), (58 * 7, 48, 48)],
        "failed": [(56 * 7, 0, 23)],  # a gap between them
        "failed now": [(59 * 7, 48, 48)],
    }


def test_one_in_a_million_is_seen() -> None:
    assert columns(spark(minutes((1_000_000, 0), (1, 0))))["done now"][0][2] == 1
    assert [height for *_, height in rects(bars(durations({0: 1_000_000, 5: 1})))] == [24, 1]


def test_a_chart_names_its_ends() -> None:
    page = Page(per_step(hour((3, 1))).html)
    assert page.by_tag["span"] == ["18:21", "now"]


@pytest.mark.parametrize(("histogram_", "places"), [({3: 1}, [3.5, 6.65]), ({0: 1, 2: 1}, [7, 20.3])])
def test_the_percentiles_stand_where_they_are_on_the_axis(histogram_: dict[int, int], places: list[float]) -> None:
    drawing = Page(histogram(durations(histogram_)).html)
    lines = [float(given["x1"] or 0) for tag, given in drawing.tags if tag == "line"]
    assert lines == pytest.approx(places, abs=0.1)
    assert [words for words in drawing.by_tag["title"] if words.startswith("p")] == ["p50", "p95"]


def test_beyond_the_last_bound_there_is_a_column_too() -> None:
    drawing = histogram(durations({len(BOUNDS): 2}))
    assert rects(drawing) == [(0, 0, 96)]
    assert Page(drawing.html).by_tag["span"] == ["over 1 d", "over 1 d"]


def test_a_share_is_never_more_than_whole_and_of_nothing_it_is_empty() -> None:
    def widths(part: int, whole: int) -> list[tuple[str | None, str | None]]:
        return [(given.get("class"), given["width"]) for tag, given in Page(share(part, whole).html).tags if tag == "rect"]

    assert widths(1, 4) == [("rail", "60"), (None, "15")]
    assert widths(9, 4) == [("rail", "60"), ("full", "60")]
    assert widths(0, 4) == widths(0, 0) == [("rail", "60")]


def test_minutes_without_anything_draw_nothing_and_divide_by_nothing() -> None:
    assert columns(spark([Minute(AS_OF, 0, 0)])) == {}
