"""Measures other job queues beside ours and prints tables; README.md says how to set it up."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.peers.catalogue import ALL, CORE, PEERS, Peer, UnknownPeer, chosen
from tests.bench.peers.machine import machine, versions
from tests.bench.peers.measure import Failed, measure
from tests.bench.peers.record import Record, Result
from tests.bench.peers.report import report
from tests.bench.peers.size import Size


def main() -> None:
    parser = _parser()
    options = parser.parse_args()
    if options.report:
        print(report(Record.read(options.report)))
        return
    if options.list:
        print("\n".join(f"{peer.name:<16} {', '.join(peer.workloads):<24} an enqueued job is {peer.stored}" for peer in PEERS))
        return
    try:
        peers = chosen(options.peers.split(","))
    except UnknownPeer as error:
        parser.error(str(error))
    workloads = options.workloads.split(",")
    for workload in workloads:
        if workload not in ALL:
            parser.error(f"No workload is called {workload!r}; there are {', '.join(ALL)}.")
    print(report(_measured(peers, workloads, options.reps, options.scale, options.json)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--peers", default=",".join(CORE), help="names with commas, or all; by default %(default)s")
    parser.add_argument("--workloads", default="w1,w2,w3,w4,w5", help="of w1 to w6; by default %(default)s")
    parser.add_argument("--reps", type=int, default=3, help="repetitions; by default %(default)s")
    parser.add_argument("--scale", type=float, default=1.0, help="less or more of each workload; by default %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here, after each workload")
    parser.add_argument("--report", type=Path, metavar="FILE", help="measure nothing; print the tables of such a file")
    parser.add_argument("--list", action="store_true", help="measure nothing; print the peers")
    return parser


def _measured(peers: Sequence[Peer], workloads: Sequence[str], repetitions: int, scale: float, path: Path | None) -> Record:
    """Repetitions outermost, so that a drift of the machine meets every peer."""
    record = Record(machine(peers), versions(peers))
    for repetition in range(1, repetitions + 1):
        for peer in peers:
            for workload in (one for one in workloads if one in peer.workloads):
                result = _result(peer, workload, repetition, Size(peer.jobs).scaled(scale))
                record.results.append(result)
                if path is not None:
                    record.write(path)
    return record


def _result(peer: Peer, workload: str, repetition: int, size: Size) -> Result:
    try:
        result = Result(peer.name, workload, repetition, measure(peer, workload, size))
    except Failed as failure:
        result = Result(peer.name, workload, repetition, {}, str(failure))
    told = result.error or json.dumps({name: round(value, 2) for name, value in result.figures.items()})
    print(f"{time.strftime('%H:%M:%S')} {repetition} {peer.name} {workload} {told}", file=sys.stderr, flush=True)
    return result


if __name__ == "__main__":
    main()
