"""The house has floors (DESIGN §4): a file imports downward or within its own package, never up, never in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "asyncjobs"

# Each file, or package with all in it, has its floor; what stands on the same floor in another room may not be imported.
# web/ stands below Jobs: it is given one, as the protocol in web/source.py, and Jobs.web() builds it.
FLOORS: dict[str, tuple[int, str]] = {
    **dict.fromkeys(
        [
            "errors",
            "clock",
            "codec",
            "queue",
            "rate",
            "function",
            "key",
            "pause",
            "unique",
            "job",
            "retry",
            "outcome",
            "cron",
            "schedule",
            "events",
            "context",
            "task",
            "names",
            "record",
            "json_text",
            "histogram",
            "spawn",
            "handle",
            "version",
        ],
        (0, "vocabulary"),
    ),
    **dict.fromkeys(
        ["store.base", "store.timetable", "store.tally", "stats", "explain", "flow", "vitals", "diagnose"], (1, "seam")
    ),
    **dict.fromkeys(
        ["store.opening", "store.memory", "store.memory_data", "store.memory_timetable", "store.sqlite"], (2, "stores")
    ),
    "runner": (2, "runner"),
    "web": (2, "web"),
    **dict.fromkeys(
        [
            "jobs",
            "recent",
            "outsider",
            "hearer",
            "schedules",
            "selection",
            "listing",
            "life",
            "registry",
            "from_thread",
            "endings",
        ],
        (3, "jobs"),
    ),
    **dict.fromkeys(["asgi", "testing", "cli", "dashboard"], (4, "edges")),
    **dict.fromkeys(["", "__main__"], (5, "door")),
}
BACKENDS = ("store.memory", "store.memory_data", "store.memory_timetable", "store.sqlite")  # of which none knows another family
FAMILY = {"store.memory_data": "store.memory", "store.memory_timetable": "store.memory"}

# Outside libraries, and the rooms that may know them.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "time": ("clock",),
    "random": ("clock",),
    "secrets": ("clock",),
    "uuid": ("clock",),
    "sqlite3": ("store.sqlite",),
    "aiosqlite": ("store.sqlite",),
    "starlette": ("web", "asgi"),
    "uvicorn": ("dashboard",),
    "fastapi": (),
}
TYPES_ONLY = {
    ("codec", "uuid.UUID"): "the class of a value that is carried; none is made",
    ("asgi", "uuid.UUID"): "the class of a value that is read; none is made",
    ("key", "uuid.UUID"): "the class of a value that is read; none is made",
    ("jobs", "starlette.types.ASGIApp"): "what Jobs.web() returns",
}
LOCAL_IMPORTS_IN = ("store.opening", "web.opening", "cli")  # stores, the page and commands are loaded when they are asked for


@dataclass(frozen=True)
class Import:
    """`what` is dotted, with the imported name at its end where there is one."""

    what: str
    line: int
    is_local: bool = False
    is_for_types: bool = False


def imports(source: str) -> Iterator[Import]:
    def walk(node: ast.AST, local: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, local, for_types) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = "." * child.level + (child.module or "")
                yield from (Import(f"{module}.{alias.name}", child.lineno, local, for_types) for alias in child.names)
            else:
                is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                guards_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from walk(child, local or is_function, for_types or guards_types)

    return walk(ast.parse(source), False, False)


def clock_reads(source: str) -> Iterator[tuple[str, int]]:
    """Calls that read the time without importing `time`: datetime.now() and its kin."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("now", "utcnow", "today"):
            owner = ast.unparse(node.func.value)
            if owner.split(".")[-1] in ("datetime", "date"):
                yield f"{owner}.{node.func.attr}()", node.lineno


def room_of(module: str) -> str | None:
    """The entry of FLOORS that this module (dotted, without "asyncjobs.") belongs to."""
    parts = module.split(".") if module else [""]
    candidates = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((candidate for candidate in candidates if candidate in FLOORS), None)


def is_in(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


def faults(sources: Mapping[str, str]) -> list[str]:
    """One sentence for each import that the house does not allow. Modules are dotted, without "asyncjobs."; "" is the package."""
    found: list[str] = []
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        if module == "store":
            continue  # a package's own __init__, which holds a docstring
        room = room_of(module)
        if room is None:
            found.append(
                f"{module or '__init__'} has no floor yet: give it one in FLOORS of tests/test_layers.py, and keep DESIGN §4"
            )
            continue
        if module not in ("clock",):
            found += [f"{module}:{line} reads the clock by {call}; only clock does that" for call, line in clock_reads(source)]
        for one in imports(source):
            where = f"{module or '__init__'}:{one.line}"
            if one.is_for_types:
                found.append(f"{where} imports {one.what} under TYPE_CHECKING, which hides an edge; turn the edge round instead")
            if one.is_local and not is_in(module, LOCAL_IMPORTS_IN):
                found.append(
                    f"{where} imports {one.what} inside a function, which hides an edge; only {' and '.join(LOCAL_IMPORTS_IN)} do that"
                )
            if one.what.startswith("."):
                found.append(f"{where} imports {one.what} relatively; write the whole name")
            elif one.what.split(".")[0] == "asyncjobs":
                target = _target(one.what, sources)
                graph.setdefault(module, set()).add(target)
                found += [f"{where} {reason}" for reason in _wrong_way(module, room, target)]
            else:
                found += [f"{where} {reason}" for reason in _wrong_library(module, room, one.what)]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append("a circle of imports: " + " → ".join(error.args[1]))
    return found


def _target(what: str, sources: Mapping[str, str]) -> str:
    """The module that `import what` or `from ... import what` reaches: the name's own, or the one it is in."""
    dotted = what.removeprefix("asyncjobs").removeprefix(".")
    return dotted if dotted in sources else dotted.rpartition(".")[0]


def _wrong_way(module: str, room: str, target: str) -> Iterator[str]:
    its_room = room_of(target)
    if its_room is None:
        return  # said of the target itself
    (floor, side), (its_floor, its_side) = FLOORS[room], FLOORS[its_room]
    if its_floor > floor:
        yield f"imports {target or 'asyncjobs'} upward: {room or '__init__'} is on floor {floor}, {its_room or '__init__'} on {its_floor}"
    elif its_floor == floor and its_side != side:
        yield f"imports {target} across: {side} and {its_side} stand side by side on floor {floor}"
    elif room in BACKENDS and its_room in BACKENDS and FAMILY.get(room, room) != FAMILY.get(its_room, its_room):
        yield f"imports {target}: no store knows another"


def _wrong_library(module: str, room: str, what: str) -> Iterator[str]:
    places = ONLY_IN.get(what.split(".")[0])
    if places is not None and not is_in(module, places) and (room, what) not in TYPES_ONLY:
        allowed = f"only {' and '.join(places)} may" if places else "nothing here may"
        yield f"imports {what}: {allowed}"


def house() -> dict[str, str]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path.read_text()
    return found


def test_every_import_goes_down() -> None:
    assert faults(house()) == []


def test_the_floors_name_what_is_there_or_is_to_come() -> None:
    to_come = {"cron", "events", "asgi", "testing"}
    there = {room_of(module) for module in house()}
    assert set(FLOORS) - there <= to_come


@pytest.mark.parametrize(
    ("module", "source", "sentence"),
    [
        ("job", "from asyncjobs.store.base import Store", "job:1 imports store.base upward: job is on floor 0, store.base on 1"),
        ("store.base", "import asyncjobs.jobs", "store.base:1 imports jobs upward: store.base is on floor 1, jobs on 3"),
        ("job", "from asyncjobs import Jobs", "job:1 imports asyncjobs upward: job is on floor 0, __init__ on 5"),
        ("runner.pulse", "from asyncjobs.store.memory import X", "runner.pulse:1 imports store.memory across: runner and stores"),
        (
            "store.sqlite.store",
            "from asyncjobs.runner.pulse import X",
            "store.sqlite.store:1 imports runner.pulse across: stores and",
        ),
        ("web.app", "from asyncjobs.jobs import Jobs", "web.app:1 imports jobs upward: web is on floor 2, jobs on 3"),
        (
            "store.sqlite.store",
            "\nfrom asyncjobs.store.memory import X",
            "store.sqlite.store:2 imports store.memory: no store knows",
        ),
        ("runner.pulse", "import time", "runner.pulse:1 imports time: only clock may"),
        ("jobs", "from random import random", "jobs:1 imports random.random: only clock may"),
        ("codec.scalars", "from uuid import uuid4", "codec.scalars:1 imports uuid.uuid4: only clock may"),
        ("store.memory", "import sqlite3", "store.memory:1 imports sqlite3: only store.sqlite may"),
        ("runner.pulse", "import aiosqlite.core", "runner.pulse:1 imports aiosqlite.core: only store.sqlite may"),
        ("jobs", "from starlette.routing import Router", "jobs:1 imports starlette.routing.Router: only web and asgi may"),
        ("web.app", "import uvicorn", "web.app:1 imports uvicorn: only dashboard may"),
        ("web.app", "from fastapi import FastAPI", "web.app:1 imports fastapi.FastAPI: nothing here may"),
        ("jobs", "def f():\n    import json", "jobs:2 imports json inside a function"),
        ("jobs", "if TYPE_CHECKING:\n    import json", "jobs:2 imports json under TYPE_CHECKING"),
        ("runner.pulse", "from .janitor import X", "runner.pulse:1 imports .janitor.X relatively"),
        ("job", "from datetime import datetime\ndatetime.now()", "job:2 reads the clock by datetime.now(); only clock does that"),
        ("manager", "", "manager has no floor yet: give it one in FLOORS"),
    ],
)
def test_a_forbidden_edge_is_found(module: str, source: str, sentence: str) -> None:
    [fault] = faults(dict.fromkeys(["", "jobs", "store.base", "store.memory", "runner.pulse"], "") | {module: source})
    assert fault.startswith(sentence)


def test_a_circle_is_found() -> None:
    sources = {
        "job": "from asyncjobs.retry import Retry",
        "retry": "from asyncjobs import outcome",
        "outcome": "from asyncjobs.job import Job",
        "": "",
    }
    [fault] = faults(sources)
    assert fault.startswith("a circle of imports: ")
    assert {"job", "retry", "outcome"} <= set(fault.removeprefix("a circle of imports: ").split(" → "))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("store.opening", "def f():\n    from asyncjobs.store.memory import MemoryStore"),
        ("codec.scalars", "from uuid import UUID\nfrom datetime import time"),
        ("clock", "import time, random\nfrom datetime import datetime\ndatetime.now()"),
        ("runner.pulse", "from asyncjobs.store.base import Store\nself.clock.now()"),
        ("jobs", "from asyncjobs.store.opening import open_store\nfrom asyncjobs.runner.pulse import Pulse"),
        ("web.app", "from starlette.routing import Router"),
    ],
)
def test_an_allowed_edge_is_no_fault(module: str, source: str) -> None:
    there = dict.fromkeys(["", "jobs", "store.base", "store.memory", "store.opening", "runner.pulse"], "")
    assert faults(there | {module: source}) == []
