"""`python -m tests.bench.picture OURS.json [PEERS.json] --out-light FILE --out-dark FILE`: the figures as bars, in SVG."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tests.bench.contest import Bar, Panel, Whose, panels

WIDTH = 880
MARGIN, GAP = 24, 36
TOP = 62  # of the first panel, below title and legend
HEAD = 30  # of a panel, above its first bar
ROW, THICK = 23, 14
NAMES = 138  # for what stands left of the bars
NUMBERS = 66  # for what stands right of the longest
FOOT = 40
CLIPPED_AT = 8.0  # times ours: where less is better a bar beyond it is broken off, so that the short ones can be told apart
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours; the background is GitHub's."""

    background: str
    text: str
    faint: str
    line: str
    ours: str
    limit: str
    peers: str


LIGHT = Theme("#ffffff", "#1f2328", "#59636e", "#d1d9e0", "#0969da", "#818b98", "#c2cad3")
DARK = Theme("#0d1117", "#f0f6fc", "#9198a1", "#3d444d", "#4493f8", "#8b949e", "#484f58")


def picture(shown: Sequence[Panel], theme: Theme, source: str) -> str:
    """The whole SVG."""
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    parts, top = [], float(TOP)
    for first in range(0, len(shown), 2):
        pair = shown[first : first + 2]
        for column, panel in enumerate(pair):
            parts.append(_panel(panel, theme, MARGIN + column * (width + GAP), top, width))
        top += HEAD + ROW * max(len(panel.bars) for panel in pair) + 22
    height = top + FOOT - 18
    words = "; ".join(_sentence(panel) for panel in shown)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}" '
            f'role="img" aria-labelledby="title desc" font-family="{escape(FONT)}">',
            '<title id="title">asyncjobs beside its limit and other job queues</title>',
            f'<desc id="desc">{escape(words)}.</desc>',
            f'<defs><pattern id="hatched" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            f'<line x1="1" y1="0" x2="1" y2="5" stroke="{theme.peers}" stroke-width="2.4"/></pattern></defs>',
            f'<rect width="{WIDTH}" height="{height:g}" fill="{theme.background}"/>',
            _legend(shown, theme),
            *parts,
            _text(MARGIN, height - 16, source, theme.faint, 11),
            "</svg>\n",
        ]
    )


def _panel(panel: Panel, theme: Theme, left: float, top: float, width: float) -> str:
    room = width - NAMES - NUMBERS
    ours = panel.bars[0].value
    longest = max(bar.value for bar in panel.bars)
    scale = min(longest, ours * CLIPPED_AT) if panel.less else longest
    better = "less is better" if panel.less else "more is better"
    parts = [
        _text(left, top + 12, panel.title, theme.text, 14, weight=600),
        _text(left + width, top + 12, better, theme.faint, 11, anchor="end"),
    ]
    axis, first = left + NAMES, top + HEAD
    for number, bar in enumerate(panel.bars):
        parts.append(_bar(bar, panel.unit, theme, axis, first + number * ROW, room, scale))
    bottom = first + len(panel.bars) * ROW - 3
    parts.append(f'<line x1="{axis:g}" y1="{first - 4:g}" x2="{axis:g}" y2="{bottom:g}" stroke="{theme.line}"/>')
    return "\n".join(parts)


def _bar(bar: Bar, unit: str, theme: Theme, axis: float, top: float, room: float, scale: float) -> str:
    mine = bar.whose is Whose.OURS
    length = max(min(bar.value / scale, 1.0) * room, 1.5)
    middle = top + THICK / 2 + 4
    weight, colour = (600, theme.text) if mine else (400, theme.faint)
    parts = [
        _text(axis - 8, middle, bar.name, colour, 12, anchor="end", weight=weight),
        f'<rect x="{axis:g}" y="{top:g}" width="{length:.1f}" height="{THICK}" {_fill(bar.whose, theme)}/>',
        _text(axis + length + 6, middle, _number(bar.value, unit), colour, 12, weight=weight),
    ]
    if bar.value > scale:  # it goes on: a gap shows that it was broken off
        at = axis + length * 0.8
        parts.insert(
            2,
            f'<path d="M{at:g} {top + THICK + 2:g} l6 -{THICK + 4} h5 l-6 {THICK + 4} z" fill="{theme.background}"/>',
        )
    return "\n".join(parts)


def _fill(whose: Whose, theme: Theme) -> str:
    match whose:
        case Whose.OURS:
            return f'fill="{theme.ours}"'
        case Whose.LIMIT:
            return f'fill="none" stroke="{theme.limit}" stroke-dasharray="3 2"'
        case Whose.SYNCED:
            return f'fill="{theme.peers}"'
        case Whose.UNSYNCED:
            return f'fill="url(#hatched)" stroke="{theme.peers}"'


def _legend(shown: Sequence[Panel], theme: Theme) -> str:
    there = {bar.whose for panel in shown for bar in panel.bars}
    words = {Whose.LIMIT: "limit: the same without us"}
    parts, left = [], float(MARGIN)
    for whose in Whose:
        if whose in there:
            said = words.get(whose, whose.value)
            parts.append(f'<rect x="{left + 0.5:g}" y="24.5" width="18" height="11" {_fill(whose, theme)}/>')
            parts.append(_text(left + 25, 34, said, theme.text if whose is Whose.OURS else theme.faint, 12))
            left += 25 + len(said) * 6.4 + 20  # of 12 px type, about
    return "\n".join(parts)


def _text(x: float, y: float, words: str, colour: str, size: int, *, anchor: str = "start", weight: int = 400) -> str:
    bold = "" if weight == 400 else f' font-weight="{weight}"'
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}"{side}{bold}>{escape(words)}</text>'


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}{unit if unit == '/s' else f' {unit}'}"


def _sentence(panel: Panel) -> str:
    """For those who can't see it."""
    return f"{panel.title}: {', '.join(f'{bar.name} {_number(bar.value, panel.unit)}' for bar in panel.bars)}"


def source(ours: Mapping[str, Any], peers: Mapping[str, Any] | None) -> str:
    machine, versions = ours["machine"], ours["versions"]
    words = [f"{machine['cores']} cores, {machine['cpu']}", f"Python {versions['Python']}, SQLite {versions['SQLite']}"]
    words.append(f"python -m tests.bench, {ours['date'][:10]}")
    if peers is not None:
        words.append("tests/bench/peers" + (f", {str(peers['date'])[:10]}" if "date" in peers else ""))
    return " · ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.picture", description=__doc__)
    parser.add_argument("ours", type=Path, metavar="OURS.json")
    parser.add_argument("peers", type=Path, nargs="?", metavar="PEERS.json")
    parser.add_argument("--out-light", type=Path, required=True)
    parser.add_argument("--out-dark", type=Path, required=True)
    options = parser.parse_args()
    ours = json.loads(options.ours.read_text())
    peers = None if options.peers is None else json.loads(options.peers.read_text())
    shown, from_where = panels(ours, peers), source(ours, peers)
    for path, theme in ((options.out_light, LIGHT), (options.out_dark, DARK)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture(shown, theme, from_where))


if __name__ == "__main__":
    main()
