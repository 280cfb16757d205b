"""One peer in one workload: the fresh processes that it takes, and the figures that they gave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

from tests.bench.peers.catalogue import Peer
from tests.bench.peers.load import load
from tests.bench.peers.order import Order
from tests.bench.peers.root import CHECKOUT, DATA, python_of
from tests.bench.peers.server import Server
from tests.bench.peers.size import Size

Figures = dict[str, float]
TIMEOUT = 300.0  # s for one process
LATER = 2.0  # s after the end of w5's load at which its jobs are counted again


class Failed(Exception):
    """No figures, and why."""


def measure(peer: Peer, workload: str, size: Size) -> Figures:
    """The figures by name; README.md says what each is. Raises Failed."""
    if not python_of(peer.venv).exists():
        raise Failed(f"no venv {peer.venv!r}: setup.sh {peer.venv} makes it")
    match workload:
        case "w5":
            return _loaded_app(peer, size)
        case "w6":
            empty = _child(peer, _order(peer, workload, size))
            deep = _child(peer, _order(peer, workload, size, deep=True))
            return {f"empty_{name}": value for name, value in empty.items()} | {
                f"deep_{name}": value for name, value in deep.items()
            }
        case _:
            return _child(peer, _order(peer, workload, size))


def _order(peer: Peer, workload: str, size: Size, *, embedded: bool = False, deep: bool = False) -> Order:
    return Order(peer.adapter, peer.concurrency, peer.settings, str(DATA), workload, size, embedded, deep)


def _child(peer: Peer, order: Order) -> Figures:
    command = [str(python_of(peer.venv)), "-m", "tests.bench.peers.child", order.to_json()]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {TIMEOUT:g} s") from None
    finally:
        _end(process)
    if process.returncode:
        raise Failed(((err or out).strip().splitlines() or [f"exit status {process.returncode}"])[-1][:300])
    figures: Figures = json.loads(out.splitlines()[-1])
    return figures


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _loaded_app(peer: Peer, size: Size) -> Figures:
    try:
        return _without_worker(peer, size) | _with_worker(peer, size)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:  # of the server, of a question to it, of wrk
        raise Failed(str(error)) from error


def _without_worker(peer: Peer, size: Size) -> Figures:
    with _served(peer, size, embedded=False) as server:
        _warm(server)
        noop = load(server.url("/noop"), size.load / 2)
        enqueue = load(server.url("/job"), size.load)
    return {
        "noop_per_s": noop.per_s,
        "enqueue_per_s": enqueue.per_s,
        "enqueue_p50_ms": enqueue.p50_ms,
        "enqueue_p99_ms": enqueue.p99_ms,
        "enqueue_refused": enqueue.refused,
    }


def _with_worker(peer: Peer, size: Size) -> Figures:
    with _served(peer, size, embedded=True) as server:
        _warm(server)
        began = time.perf_counter()
        embedded = load(server.url("/job"), size.load)
        ran, elapsed = server.ran(), time.perf_counter() - began
        time.sleep(LATER)
        ran_later = server.ran()
    return {
        "embedded_per_s": embedded.per_s,
        "embedded_p50_ms": embedded.p50_ms,
        "embedded_p99_ms": embedded.p99_ms,
        "embedded_refused": embedded.refused,
        "embedded_accepted": embedded.accepted,
        "ran_per_s": ran / elapsed,
        "ran_later": ran_later,
    }


def _served(peer: Peer, size: Size, *, embedded: bool) -> Server:
    return Server(python_of(peer.venv), _order(peer, "w5", size, embedded=embedded))


def _warm(server: Server) -> None:
    load(server.url("/noop"), 1)
