"""The process that measures one peer in one workload, in the peer's venv: `python -m tests.bench.peers.child ORDER`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import traceback

from tests.bench.peers import adapters
from tests.bench.peers.order import Order
from tests.bench.peers.workloads import WORKLOADS, Figures, Workload, deep_queue, empty_queue


def main() -> None:
    """The last line printed is the figures as JSON, if the exit status is 0."""
    logging.basicConfig(level=logging.ERROR)
    order = Order.from_json(sys.argv[1])
    status = 0
    try:
        print(json.dumps(asyncio.run(_measure(order))), flush=True)
    except Exception:
        traceback.print_exc()
        status = 1
    os._exit(status)  # threads and connections that a peer leaves behind must not keep the process


async def _measure(order: Order) -> Figures:
    return await _workload(order)(adapters.load(order), order.size)


def _workload(order: Order) -> Workload:
    if order.workload == "w6":
        return deep_queue if order.deep else empty_queue
    return WORKLOADS[order.workload]


if __name__ == "__main__":
    main()
