"""One C encoder for all calls says what `json.dumps` does."""

from __future__ import annotations

import json

import pytest

from asyncjobs.json_text import encoder


def as_ever(value: object, *, allow_nan: bool) -> str:
    return json.dumps(value, allow_nan=allow_nan, separators=(",", ":"))


@pytest.mark.parametrize("allow_nan", [False, True])
@pytest.mark.parametrize(
    "value", [None, True, -1, 1.5, 'ä\x00\ud800"', [], {}, [1, (2, {"k": [None, "ü"]})], {"a": {"b": 1e300}}, {1: 2, None: 3}]
)
def test_a_value_becomes_the_same_text(value: object, allow_nan: bool) -> None:
    assert encoder(allow_nan=allow_nan)(value) == as_ever(value, allow_nan=allow_nan)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused_unless_allowed(value: object) -> None:
    assert encoder(allow_nan=True)(value) == as_ever(value, allow_nan=True)
    with pytest.raises(ValueError, match="not JSON compliant"):
        encoder(allow_nan=False)(value)


@pytest.mark.parametrize("value", [{1, 2}, object(), {"a": b"x"}, {(1, 2): 3}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        as_ever(value, allow_nan=True)
    with pytest.raises(TypeError):
        encoder(allow_nan=True)(value)


def test_a_circle_is_an_error() -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(RecursionError):
        encoder(allow_nan=True)(circle)


def test_without_the_c_encoder_the_text_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    assert encoder(allow_nan=False)({"a": [1, "ü"]}) == '{"a":[1,"\\u00fc"]}'
