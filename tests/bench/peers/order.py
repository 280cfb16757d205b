"""What a fresh process is told to measure, as it travels to it: a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tests.bench.peers.size import Size

ORDER = "PEERBENCH_ORDER"  # the variable of the environment that a server finds it in


@dataclass(frozen=True, slots=True)
class Order:
    """adapter: `module:Class` in adapters/. folder: where it may keep files. embedded: whether w5's app runs the jobs too.
    deep: whether w6 finds `size.depth` jobs queued."""

    adapter: str
    concurrency: int
    settings: Mapping[str, str]
    folder: str
    workload: str
    size: Size
    embedded: bool = False
    deep: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        fields = json.loads(text)
        return cls(**{**fields, "size": Size(**fields["size"])})
