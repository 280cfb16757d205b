"""Values of which a job makes several on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """A dataclass that no code may change: type checkers see to that, at run time nobody does.

    What `frozen=True` does there costs a call for each field of each value: a Job of 25 fields took 3.9 µs to make, and takes 0.9.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
