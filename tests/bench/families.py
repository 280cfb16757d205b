"""The rows that belong together, by the name that `--only` knows them by, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bench import depth, drain, enqueue, idle, imports, latency, memory, neighbours, opened, page, tabs, web, workers
from tests.bench.files import Files
from tests.bench.row import Row
from tests.bench.scale import Scale

FAMILIES: Mapping[str, Callable[[Scale, Files], list[Row]]] = {
    "enqueue": enqueue.measure,
    "drain": drain.measure,
    "latency": latency.measure,
    "web": web.measure,
    "depth": depth.measure,
    "neighbours": neighbours.measure,
    "workers": workers.measure,
    "page": page.measure,
    "tabs": tabs.measure,
    "opened": opened.measure,
    "memory": memory.measure,
    "idle": idle.measure,
    "imports": imports.measure,
}
