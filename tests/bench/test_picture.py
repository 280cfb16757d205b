"""The picture of both benches' figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.bench import picture
from tests.bench.contest import Whose, panels

OURS: dict[str, Any] = {
    "date": "2026-11-25T14:00:00+00:00",
    "machine": {"cores": 2, "cpu": "A <fast> & cheap one"},
    "versions": {"Python": "3.11.7", "SQLite": "3.40.1"},
    "rows": [
        {"name": "enqueue.64", "median": 28_000.0, "limit_median": 40_000.0},
        {"name": "drain", "median": 18_000.0, "limit_median": 110_000.0},
        {"name": "latency.p50", "median": 1.4, "limit_median": 0.7},
        {"name": "web.requests", "median": 3_300.0, "limit_median": 8_000.0},
    ],
}


def _results(peer: str, workload: str, *figures: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"peer": peer, "workload": workload, "repetition": n, "figures": found} for n, found in enumerate(figures)]


PEERS: dict[str, Any] = {
    "results": [
        *_results("saq-redis-always", "w2", {"rate": 3000.0}, {"rate": 3400.0}, {"rate": 9000.0}),
        *_results("saq-redis", "w2", {"rate": 3500.0}),
        *_results("saq-redis-everysec", "w2", {"rate": 2600.0}),
        *_results("memory-floor", "w2", {"rate": 800_000.0}),
        *_results("pgqueuer", "w3", {"rate": 4600.0}, {"error": "timeout"}),
        *_results("huey-sqlite", "w4", {"p50": 86.0}),
        *_results("arq", "w5", {"job": {"rps": 1300.0}}),
        *_results("arq", "w5w", {"job": {"rps": 1000.0}}),
        *_results("oban-py", "w5", {"job": {"rps": 700.0}}),
    ]
}


def test_the_panels_have_ours_the_limit_and_the_middle_of_each_peer() -> None:
    enqueues, drained, latency, web = panels(OURS, PEERS)
    assert [(bar.name, bar.value) for bar in enqueues.bars] == [
        ("asyncjobs", 28_000.0), ("bare group commit", 40_000.0), ("saq-redis", 3500.0), ("saq-redis-always", 3400.0),
    ]  # fmt: skip
    assert [bar.whose for bar in enqueues.bars] == [Whose.OURS, Whose.LIMIT, Whose.UNSYNCED, Whose.SYNCED]
    assert [(bar.name, bar.value) for bar in drained.bars[2:]] == [("pgqueuer", 4600.0)]
    assert [(bar.name, bar.value) for bar in latency.bars[2:]] == [("huey-sqlite", 86.0)]
    assert [(bar.name, bar.value) for bar in web.bars[2:]] == [("arq", 1000.0), ("oban-py", 700.0)]


def test_no_more_peers_are_shown_than_fit_and_the_best_ones() -> None:
    many = {"results": [one for n in range(9) for one in _results(f"peer{n}", "w4", {"p50": 9.0 - n})]}
    latency = panels(OURS, many)[2]
    assert [bar.name for bar in latency.bars[2:]] == [f"peer{n}" for n in range(8, 2, -1)]


def test_a_row_that_was_not_measured_is_an_error() -> None:
    with pytest.raises(KeyError, match="drain"):
        panels({**OURS, "rows": OURS["rows"][:1]}, None)


@pytest.mark.parametrize("peers", [PEERS, None])
@pytest.mark.parametrize("theme", [picture.LIGHT, picture.DARK])
def test_the_picture_is_well_formed_and_has_every_figure(peers: dict[str, Any] | None, theme: picture.Theme) -> None:
    shown = panels(OURS, peers)
    root = ElementTree.fromstring(picture.picture(shown, theme, picture.source(OURS, peers)))
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for panel in shown:
        assert panel.title in texts
        for bar in panel.bars:
            assert bar.name in texts
    assert {"28,000/s", "40,000/s", "1.40 ms"} <= set(texts)
    assert any("A <fast> & cheap one" in text for text in texts)
    width = float(root.attrib["width"])
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(rect.attrib.get("x", 0)) + float(rect.attrib["width"]) <= width


def test_bars_are_as_long_as_their_figures_and_a_far_longer_one_is_broken_off() -> None:
    drawn = picture.picture(panels(OURS, PEERS), picture.LIGHT, "")
    root = ElementTree.fromstring(drawn)
    ns = "{http://www.w3.org/2000/svg}"
    lengths = [float(rect.attrib["width"]) for rect in root.iter(f"{ns}rect") if rect.attrib["height"] == str(picture.THICK)]
    ours, limit, *_ = lengths
    assert ours / limit == pytest.approx(0.7, abs=0.01)
    assert len(list(root.iter(f"{ns}path"))) == 1, "huey's 86 ms, where 1.4 is ours"


def test_the_program_writes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, peers = tmp_path / "ours.json", tmp_path / "peers.json"
    ours.write_text(json.dumps(OURS))
    peers.write_text(json.dumps(PEERS))
    light, dark = tmp_path / "docs" / "light.svg", tmp_path / "docs" / "dark.svg"
    monkeypatch.setattr(sys, "argv", ["picture", str(ours), str(peers), "--out-light", str(light), "--out-dark", str(dark)])
    picture.main()
    assert picture.LIGHT.ours in light.read_text()
    assert picture.DARK.ours in dark.read_text()
