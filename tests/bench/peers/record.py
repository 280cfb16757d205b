"""What one command measured, as it is kept: the JSON that README.md describes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """One peer in one workload once. figures: by name, none where there is an `error`."""

    peer: str
    workload: str
    repetition: int
    figures: Mapping[str, float]
    error: str | None = None

    def as_dict(self) -> dict[str, object]:
        always: dict[str, object] = {
            "peer": self.peer,
            "workload": self.workload,
            "repetition": self.repetition,
            "figures": dict(self.figures),
        }
        return always if self.error is None else {**always, "error": self.error}


@dataclass(slots=True)
class Record:
    """date: of the start, UTC, ISO 8601. machine, versions: see machine.py. results: in the order measured; added to as it goes."""

    machine: Mapping[str, object]
    versions: Mapping[str, str]
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    results: list[Result] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """All of it, in place of what the file was."""
        whole = {
            "date": self.date,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "results": [result.as_dict() for result in self.results],
        }
        beside = path.with_name(path.name + ".new")
        beside.write_text(json.dumps(whole, indent=1) + "\n")
        beside.replace(path)

    @classmethod
    def read(cls, path: Path) -> Record:
        whole = json.loads(path.read_text())
        return cls(whole["machine"], whole["versions"], whole["date"], [Result(**result) for result in whole["results"]])

    def peers(self) -> list[str]:
        """Names, in the order measured."""
        return list(dict.fromkeys(result.peer for result in self.results))

    def figures(self, peer: str, workload: str, name: str) -> Sequence[float]:
        """One for each repetition that has it."""
        return [
            result.figures[name]
            for result in self.results
            if result.peer == peer and result.workload == workload and name in result.figures
        ]
