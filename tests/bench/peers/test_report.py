"""What is told of figures, from canned ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.peers.catalogue import PEERS, UnknownPeer, chosen
from tests.bench.peers.load import read
from tests.bench.peers.order import Order
from tests.bench.peers.record import Record, Result
from tests.bench.peers.report import report
from tests.bench.peers.size import Size

WRK = """\
Running 10s test @ http://127.0.0.1:1/job
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     9.80ms    5.00ms  91.10ms   80.00%
    Req/Sec     6.50k     1.00k    8.00k    70.00%
  Latency Distribution
     50%  950.00us
     75%    9.00ms
     90%   10.00ms
     99%    1.25s
  65010 requests in 10.02s, 5.00MB read
  Non-2xx or 3xx responses: 10
Requests/sec:   6488.02
Transfer/sec:    511.00KB
"""


def canned() -> Record:
    return Record(
        {"cpus": 2, "python": "3.13.0", "sqlite": "3.40.1", "kernel": "6.1", "postgresql": None},
        {"asyncjobs": "asgi-asyncjobs 0.1.0", "huey": "huey 3.5.4"},
        "2026-01-02T03:04:05+00:00",
        [
            Result("asyncjobs", "w1", 1, {"enqueues_per_s": 1250.4, "p50_ms": 0.7512, "p99_ms": 2.0}),
            Result("huey", "w1", 1, {}, "no venv"),
            Result("asyncjobs", "w1", 2, {"enqueues_per_s": 1350.0, "p50_ms": 0.75, "p99_ms": 20.06}),
            Result("asyncjobs", "w5", 1, {"noop_per_s": 9300.0, "embedded_refused": 0}),
        ],
    )


def test_a_row_has_medians_and_of_rates_the_spread() -> None:
    row = "| asyncjobs | on disk (SQLite) | 1,300 (1,250–1,350) | 0.75 | 11.0 | – | – | – | – | – | – | – |"
    assert row in report(canned()).splitlines()


def test_a_table_with_no_figures_is_left_out() -> None:
    text = report(canned())
    assert "### A Starlette app under load" in text
    assert "### A deep queue" not in text


def test_a_peer_without_figures_has_no_row_but_a_reason() -> None:
    lines = report(canned()).splitlines()
    assert not [line for line in lines if line.startswith("| huey")]
    assert "- huey, w1, repetition 1: no venv" in lines


def test_the_last_line_says_where_the_figures_are_from() -> None:
    assert report(canned()).splitlines()[-1] == (
        "2026-01-02T03:04:05+00:00, 2 repetitions. Machine: cpus 2, python 3.13.0, sqlite 3.40.1, kernel 6.1. "
        "asyncjobs: asgi-asyncjobs 0.1.0; huey: huey 3.5.4."
    )


def test_a_file_gives_the_record_that_was_written(tmp_path: Path) -> None:
    canned().write(tmp_path / "figures.json")
    assert Record.read(tmp_path / "figures.json") == canned()


def test_an_order_arrives_as_it_was_sent() -> None:
    order = Order("ours:OurJobs", 50, {"aof": "no"}, "folder", "w6", Size(jobs=1), deep=True)
    assert Order.from_json(order.to_json()) == order


def test_wrks_report_is_read_with_its_units() -> None:
    load = read(WRK)
    told = (load.seconds, load.accepted, load.refused, load.p50_ms, load.p99_ms)
    assert told == pytest.approx((10.02, 65_000, 10, 0.95, 1250.0))


def test_a_report_of_something_else_is_refused() -> None:
    with pytest.raises(RuntimeError, match="names no requests"):
        read("unable to connect")


def test_peers_are_chosen_by_name_in_the_order_given() -> None:
    assert [peer.name for peer in chosen(["huey", "asyncjobs", "huey"])] == ["huey", "asyncjobs"]
    assert chosen(["all"]) == list(PEERS)


def test_an_unknown_peer_is_named() -> None:
    with pytest.raises(UnknownPeer, match="'heuy'"):
        chosen(["heuy"])


def test_each_peer_has_a_name_of_its_own_and_an_adapter() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    for peer in PEERS:
        module, name = peer.adapter.split(":")
        assert f"class {name}(" in (Path(__file__).parent / "adapters" / f"{module}.py").read_text()
