"""Drawings of numbers. Each says in words what it shows, and stands beside a table of the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from asyncjobs.histogram import BOUNDS
from asyncjobs.stats import Durations, Minute
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.span import Past
from asyncjobs.web.words import clock, count, counted, day_and_clock, duration

DAY = 86_400  # seconds
_BAR, _GAP = 6, 1  # of all drawings, in units of their own
_LOW, _HIGH = 24, 96  # heights: in a row of a table, and by itself


def step(bucket: int) -> str:
    """What a bucket of a histogram holds: to 1.4 ms."""
    return f"over {duration(BOUNDS[-1] / 1000)}" if bucket >= len(BOUNDS) else f"to {duration(BOUNDS[bucket] / 1000)}"


def bars(durations: Durations) -> Markup:
    """A histogram, as wide as all there may be, for a row of a table."""
    numbers = [durations.histogram.get(bucket, 0) for bucket in range(len(BOUNDS) + 1)]
    told = "; ".join(f"{step(bucket)}: {count(number)}" for bucket, number in enumerate(numbers) if number)
    return _drawing(_columns(numbers, _LOW, step), len(numbers), _LOW, "bars", told)


def histogram(durations: Durations) -> Markup:
    """The part of a histogram that holds something, with where half and 95 % end."""
    used = [bucket for bucket, number in durations.histogram.items() if number]
    first, last = min(used), max(used)
    numbers = [durations.histogram.get(bucket, 0) for bucket in range(first, last + 1)]
    marks = [
        _mark(_place(seconds, first), words)
        for words, seconds in (("p50", durations.p50), ("p95", durations.p95))
        if seconds is not None
    ]
    told = f"{counted(durations.count, 'attempt', 'attempts')}: half took up to {duration(durations.p50)}, 95 % up to {duration(durations.p95)}"
    columns = _columns(numbers, _HIGH, lambda place: step(first + place))
    drawing = _drawing([columns, marks], len(numbers), _HIGH, "chart", told)
    return _with_ends(drawing, step(first), step(last))


def per_step(past: Past) -> Markup:
    """What ended in each step, well and not; the last is still going on, and is drawn lighter."""
    steps, words = past.steps, day_and_clock if past.span.length > DAY else clock
    well, badly = sum(one.succeeded for one in steps), sum(one.failures for one in steps)
    most = max(steps, key=lambda one: one.ended)
    told = f"{count(well)} succeeded and {count(badly)} failed; the most in {past.span.step_words} were {count(most.ended)}, at {words(most.at)}"
    return _with_ends(_minutes(steps, _HIGH, "chart", told), words(steps[0].at), "now")


def spark(minutes: Sequence[Minute]) -> Markup:
    """The same in a row of a table."""
    well, badly = sum(one.succeeded for one in minutes), sum(one.failures for one in minutes)
    return _minutes(minutes, _LOW, "bars", f"{count(well)} succeeded and {count(badly)} failed in the last hour")


def share(part: int, whole: int) -> Markup:
    """How full something is; said by the numbers beside it."""
    filled = round(60 * min(part / whole, 1)) if whole else 0
    return element(
        "svg",
        element("rect", class_="rail", width=60, height=6, rx=3),
        element("rect", class_="full" if part >= whole else None, width=filled, height=6, rx=3) if filled else None,
        class_="share", viewBox="0 0 60 6", aria_hidden="true",
    )  # fmt: skip


def _minutes(minutes: Sequence[Minute], height: int, look: str, told: str) -> Markup:
    """One path for each look, and not a shape for each minute: a page has many of these."""
    most = max(minute.ended for minute in minutes)
    paths: dict[str, list[str]] = {}
    for place, minute in enumerate(minutes):
        now = " now" if place == len(minutes) - 1 else ""
        well = _height(minute.succeeded, most, height)
        badly = _height(minute.failures, most, height)
        gap = 1 if well and badly > 2 else 0
        for kind, top, tall in (("done", height - well, well), ("failed", max(height - well - badly, 0), badly - gap)):
            if tall:
                x = place * (_BAR + _GAP)
                paths.setdefault(kind + now, []).append(f"M{x} {top:g}h{_BAR}v{tall:g}h-{_BAR}z")
    drawn = [element("path", class_=kind, d="".join(parts)) for kind, parts in paths.items()]
    return _drawing(drawn, len(minutes), height, look, told)


def _columns(numbers: Sequence[int], height: int, words: Callable[[int], str]) -> Content:
    most = max(numbers)
    return [
        _rect(place * (_BAR + _GAP), height - tall, tall, element("title", f"{words(place)}: {count(number)}"))
        for place, number in enumerate(numbers)
        if (tall := _height(number, most, height))
    ]


def _height(number: int, most: int, height: int) -> float:
    return max(round(height * number / most, 1), 1) if number else 0  # one job in a million is seen too


def _rect(x: float, y: float, height: float, *inside: Content) -> Markup:
    return element("rect", *inside, x=f"{x:g}", y=f"{y:g}", width=_BAR, height=f"{height:g}")


def _place(seconds: float, first: int) -> float:
    """Where this duration stands on the axis of a histogram that begins with bucket `first`."""
    milliseconds = seconds * 1000
    edges = [0, *BOUNDS]
    for bucket, (low, high) in enumerate(pairwise(edges)):
        if milliseconds <= high:
            return (bucket - first + (milliseconds - low) / (high - low)) * (_BAR + _GAP)
    return (len(BOUNDS) - first + 1) * (_BAR + _GAP)


def _mark(x: float, words: str) -> Markup:
    return element("line", element("title", words), x1=f"{x:.1f}", x2=f"{x:.1f}", y1=0, y2=_HIGH)


def _drawing(drawn: Content, columns: int, height: int, look: str, told: str) -> Markup:
    width = columns * (_BAR + _GAP)
    floor = element("path", class_="floor", d=f"M0 {height + 0.5}H{width}")
    return element(
        "svg", drawn, floor, class_=look, viewBox=f"0 0 {width} {height + 1}", preserveAspectRatio="none", role="img", aria_label=told,
    )  # fmt: skip


def _with_ends(drawing: Markup, first: str, last: str) -> Markup:
    return element("div", drawing, element("div", element("span", first), element("span", last), class_="ends"), class_="drawing")
