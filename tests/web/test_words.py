from __future__ import annotations

import pytest

from asyncjobs.web import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0.0, "0 ms"),
        (0.00004, "0 ms"),
        (0.0012, "1.2 ms"),
        (0.001, "1 ms"),
        (0.00996, "10 ms"),
        (0.34, "340 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (4.81, "4.8 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (184.2, "3 min 4 s"),
        (3599.7, "1 h"),
        (7500.0, "2 h 5 min"),
        (86_399.0, "1 d"),
        (86_400.0 * 3 + 3600 * 4, "3 d 4 h"),
    ],
)
def test_a_duration_is_said_in_two_figures_that_matter(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


def test_numbers_are_grouped_and_a_counted_limit_says_that_there_are_more() -> None:
    assert (words.count(1234), words.count(10_000, more=True)) == ("1,234", "10,000+")


def test_one_problem_is_not_many() -> None:
    assert [words.counted(number, "problem", "problems") for number in (1, 2)] == ["1 problem", "2 problems"]


def test_a_moment_keeps_its_milliseconds_for_machines_and_its_month_for_people() -> None:
    assert words.iso(1_795_548_031_042) == "2026-11-24T19:20:31.042Z"
    assert words.iso(0) == "1970-01-01T00:00:00.000Z"
    assert words.date(1_795_548_031_042) == "24 November 2026, 19:20:31 UTC"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1,023 bytes"), (4_200, "4.1 KiB"), (48 << 20, "48 MiB"), ((1 << 30) - 1, "1 GiB"), (1_000 << 20, "1,000 MiB"), (5 << 50, "5,120 TiB")],
)  # fmt: skip
def test_a_size_is_said_in_the_unit_that_fits(number: int, said: str) -> None:
    assert words.size(number) == said
