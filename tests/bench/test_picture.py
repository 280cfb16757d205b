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
        *_results("asyncjobs", "w2", {"enqueues_per_s": 25_000.0}),
        *_results("saq-always", "w2", {"enqueues_per_s": 3000.0}, {"enqueues_per_s": 3400.0}, {"enqueues_per_s": 9000.0}),
        *_results("saq", "w2", {"enqueues_per_s": 3500.0, "p50_ms": 7.0}),
        *_results("saq-everysec", "w2", {"enqueues_per_s": 2600.0}),
        *_results("memory-floor", "w2", {"enqueues_per_s": 800_000.0}),
        *_results("pgqueuer", "w3", {"drained_per_s": 4600.0}, {}),
        *_results("huey-nosync", "w3", {"drained_per_s": 4500.0}),
        *_results("huey", "w4", {"p50_ms": 86.0}),
        *_results("arq", "w5", {"embedded_per_s": 1000.0, "noop_per_s": 24_000.0}),
        *_results("asyncjobs", "w5", {"embedded_per_s": 6000.0, "noop_per_s": 23_000.0}),
    ]
}
OLDER = {"results": [*_results("saq-pg", "w2", {"rate": 700.0}), *_results("arq", "w5", {"job": {"rps": 1300.0}})]}


def test_the_panels_have_ours_the_limit_and_the_middle_of_each_peer() -> None:
    enqueues, drained, latency, _ = panels(OURS, PEERS)
    assert [(bar.name, bar.value) for bar in enqueues.bars] == [
        ("asyncjobs", 25_000.0), ("bare group commit", 40_000.0), ("saq", 3500.0), ("saq-always", 3400.0),
    ]  # fmt: skip
    assert drained.bars[0].value == 18_000.0  # not measured beside the peers
    assert [bar.whose for bar in enqueues.bars] == [Whose.OURS, Whose.LIMIT, Whose.UNSYNCED, Whose.SYNCED]
    assert [(bar.name, bar.whose) for bar in drained.bars[2:]] == [("pgqueuer", Whose.SYNCED), ("huey-nosync", Whose.UNSYNCED)]
    assert [(bar.name, bar.value) for bar in latency.bars[2:]] == [("huey", 86.0)]


def test_web_figures_are_all_of_the_stack_that_the_peers_ran_on() -> None:
    assert [(bar.name, bar.value) for bar in panels(OURS, PEERS)[3].bars] == [
        ("asyncjobs", 6000.0), ("no enqueue", 23_000.0), ("arq", 1000.0),
    ]  # fmt: skip
    assert [bar.value for bar in panels(OURS, OLDER)[3].bars] == [3_300.0, 8_000.0, 1300.0]


def test_figures_by_their_older_names_are_known() -> None:
    assert [(bar.name, bar.whose, bar.value) for bar in panels(OURS, OLDER)[0].bars[2:]] == [("saq-pg", Whose.SYNCED, 700.0)]


def test_no_more_peers_are_shown_than_fit_and_the_best_ones() -> None:
    many = {"results": [one for n in range(9) for one in _results(f"peer{n}", "w4", {"p50_ms": 9.0 - n})]}
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
    assert {"28,000/s" if peers is None else "25,000/s", "40,000/s", "1.40 ms"} <= set(texts)
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
    assert ours / limit == pytest.approx(25 / 40, abs=0.01)
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
