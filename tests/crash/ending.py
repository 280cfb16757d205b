"""How each program ends: its last line, and its exit status."""

from __future__ import annotations


def end(passed: bool) -> int:
    """Say whether all held; 0 then."""
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


def end_canary(name: str, seen: bool) -> int:
    """Say whether the judge saw what this canary lets through; 0 then."""
    print(f"canary {name}: {'seen' if seen else 'NOT SEEN, in so short a run at least'}")
    return 0 if seen else 1
