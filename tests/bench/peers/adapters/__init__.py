"""One job queue a module, imported in that peer's venv only."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.bench.peers.adapter import Adapter
from tests.bench.peers.order import Order


def load(order: Order) -> Adapter:
    """The adapter that the order names, not opened yet. Raises ImportError where its peer isn't installed."""
    module, name = order.adapter.split(":")
    made: type[Adapter] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return made(order.concurrency, order.settings, Path(order.folder))
