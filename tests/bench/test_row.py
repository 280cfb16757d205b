"""A row's figures, and when they are enough."""

from __future__ import annotations

import pytest

from tests.bench.mark import Either, at_least, at_most
from tests.bench.pairs import alternate, percentile
from tests.bench.rate import Rate
from tests.bench.row import Row, Verdict, rates_row


def test_the_ratio_is_the_middle_one_of_the_pairs_not_that_of_the_middles() -> None:
    row = Row("x", "x", "/s", ours=[10.0, 50.0, 90.0], limit=[100.0, 100.0, 90.0])
    assert row.ratio == 0.5
    assert row.excess == -50.0
    assert (row.low, row.middle, row.high, row.limit_middle) == (10.0, 50.0, 90.0, 100.0)


def test_a_row_without_a_limit_has_neither_ratio_nor_excess() -> None:
    row = Row("x", "x", "ms", ours=[1.0])
    assert (row.ratio, row.excess, row.limit_middle) == (None, None, None)


def test_a_limit_of_nothing_gives_no_ratio() -> None:
    assert Row("x", "x", "%", ours=[1.0], limit=[0.0]).ratio is None


@pytest.mark.parametrize(
    ("middle", "verdict"), [(11_999.0, Verdict.MISSED), (12_000.0, Verdict.BAR), (19_999.0, Verdict.BAR), (20_000.0, Verdict.AIM)]
)
def test_a_verdict_is_the_bar_or_the_aim_that_is_reached(middle: float, verdict: Verdict) -> None:
    assert Row("x", "x", "/s", [middle], bars=[at_least(12_000)], aims=[at_least(20_000)]).verdict is verdict


def test_every_bar_has_to_be_reached() -> None:
    bars = [at_least(12_000), at_most(90, "cpu")]
    assert Row("x", "x", "/s", [13_000.0], cpu=89.0, bars=bars).verdict is Verdict.BAR
    assert Row("x", "x", "/s", [13_000.0], cpu=91.0, bars=bars).verdict is Verdict.MISSED
    assert Row("x", "x", "/s", [11_000.0], cpu=89.0, bars=bars).verdict is Verdict.MISSED


def test_one_of_either_is_enough() -> None:
    bar = Either((at_most(2, "ratio"), at_most(5, "excess")))
    assert Row("x", "x", "ms", [5.9], [1.0], bars=[bar]).verdict is Verdict.BAR
    assert Row("x", "x", "ms", [19.0], [10.0], bars=[bar]).verdict is Verdict.BAR
    assert Row("x", "x", "ms", [6.1], [1.0], bars=[bar]).verdict is Verdict.MISSED
    assert bar.said(" ms") == "≤ 2 × or ≤ beside + 5 ms"


def test_what_was_not_measured_reaches_nothing() -> None:
    assert Row("x", "x", "/s", [1.0], bars=[at_most(90, "cpu")]).verdict is Verdict.MISSED
    assert Row("x", "x", "/s", [1.0], bars=[at_least(0.5, "ratio")]).verdict is Verdict.MISSED


def test_the_worst_run_counts_where_each_must_hold() -> None:
    assert Row("x", "x", "ms", [10.0, 20.0, 251.0], bars=[at_most(250, "high")]).verdict is Verdict.MISSED
    assert Row("x", "x", "", [0.39, 0.9, 0.9], bars=[at_least(0.4, "low")]).verdict is Verdict.MISSED


def test_nothing_asked_is_nothing_missed() -> None:
    assert Row("x", "x", "ms", [1e9]).verdict is Verdict.OPEN


def test_rates_carry_their_processor_time() -> None:
    row = rates_row("x", "x", [(Rate(1000, 2.0, 0.1), 1000.0), (Rate(1000, 4.0, 0.3), 500.0)])
    assert list(row.ours) == [500.0, 250.0]
    assert row.ratio == 0.5
    assert row.cpu == pytest.approx(200.0)


def test_slices_take_turns_and_the_other_side_begins_every_second_time() -> None:
    order: list[str] = []

    def side(name: str) -> str:
        order.append(name)
        return name

    assert alternate(3, lambda: side("a"), lambda: side("b")) == [("a", "b")] * 3
    assert "".join(order) == "abbaab"


def test_a_percentile_is_one_of_the_samples() -> None:
    samples = [float(n) for n in range(100, 0, -1)]
    assert (percentile(samples, 0.5), percentile(samples, 0.99), percentile(samples, 1.0)) == (51.0, 100.0, 100.0)
    assert percentile([7.0], 0.99) == 7.0
