"""Values that consist of their fields."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from asyncjobs.record import frozen_record, record


@record
class Point:
    x: int
    y: int = 0


@frozen_record
class Firm:
    x: int
    y: int = 0


@record
class Nothing:
    pass


@record
class Single:
    x: object


@pytest.mark.parametrize("cls", [Point, Firm])
def test_records_are_the_same_when_their_fields_are(cls: type[Point]) -> None:
    assert cls(1, 2) == cls(1, y=2) != cls(2, 1)
    assert len({cls(1), cls(1, 0), cls(0, 1)}) == 2
    assert replace(cls(1), y=3) == cls(1, 3) == pickle.loads(pickle.dumps(cls(1, 3)))
    assert repr(cls(1)) == f"{cls.__name__}(x=1, y=0)"
    assert not hasattr(cls(1), "__dict__")


def test_records_of_other_classes_are_others() -> None:
    assert Point(1) != Firm(1)
    assert Point(1) != (1, 0)
    assert Nothing() == Nothing() != Single(None)
    assert Single((1, 2)) == Single((1, 2)) != Single([1, 2])


def test_a_frozen_one_refuses_to_be_changed() -> None:
    firm = Firm(1)
    with pytest.raises(FrozenInstanceError):
        firm.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del firm.x
    assert firm == Firm(1)
