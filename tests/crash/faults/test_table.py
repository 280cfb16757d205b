"""Every fault of the table has its tests, and every test of these files is in the table."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.crash.faults.table import FAULTS, Fault

HERE = Path(__file__).parent
TESTS = HERE.parents[1]


def names_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    functions = (node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_has_its_tests(fault: Fault) -> None:
    assert any(fault.app.values()), f"{fault.name!r}: nothing asks the whole app"
    for file, names in (*fault.app.items(), *fault.parts.items()):
        missing = set(names) - names_in(TESTS / file)
        assert not missing, f"{fault.name!r} names tests that {file} doesn't have: {sorted(missing)}"


@pytest.mark.parametrize("file", sorted({*HERE.glob("test_*.py")} - {Path(__file__)}), ids=lambda file: file.stem)
def test_every_test_of_a_fault_is_in_the_table(file: Path) -> None:
    named = {name for fault in FAULTS for name in fault.app.get(str(file.relative_to(TESTS)), ())}
    assert names_in(file) <= named, f"the table doesn't name {sorted(names_in(file) - named)}"
