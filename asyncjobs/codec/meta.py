"""Metadata of a job as JSON text: JSON's own types and nothing else.

No tags here, so that every reader of the text (the page, the command line, another language) reads what was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asyncjobs.codec.converter import MAX_DEPTH
from asyncjobs.codec.misfit import Misfit, TooDeep, shown
from asyncjobs.codec.scalars import BOOL, FLOAT, INT, NONE, STR, encode_str
from asyncjobs.codec.text import dumps, loads
from asyncjobs.errors import ArgumentError


def encode_meta(meta: Mapping[str, object]) -> str:
    """Strict ASCII JSON of the mapping. Raises `ArgumentError` for anything that would not come back equal."""
    try:
        return dumps(_encode_object(meta, MAX_DEPTH))
    except Misfit as misfit:
        raise ArgumentError(f"meta: {misfit}") from misfit
    except RecursionError as error:
        raise ArgumentError(f"meta: {TooDeep()}") from error


def decode_meta(text: str) -> dict[str, object]:
    """What `encode_meta` was given. Raises `ArgumentError` when the text is no JSON object."""
    try:
        meta = loads(text)
    except Misfit as misfit:
        raise ArgumentError(f"stored meta: {misfit}") from misfit
    if type(meta) is dict:
        return meta
    raise ArgumentError(f"stored meta: {Misfit.expected('a JSON object', meta)}")


def _encode(value: object, room: int) -> object:
    encode = _ENCODERS.get(type(value))
    if encode is None:
        raise Misfit.expected("str, int, float, bool, None, list, or dict with str keys", value)
    return encode(value, room)


def _encode_array(value: Any, room: int) -> list[object]:
    if not room:
        raise TooDeep()
    encoded: list[object] = []
    try:
        for item in value:
            encoded.append(_encode(item, room - 1))
    except Misfit as misfit:
        misfit.under(f"[{len(encoded)}]")
        raise
    return encoded


def _encode_object(value: Any, room: int) -> dict[str, object]:
    if not room:
        raise TooDeep()
    encoded: dict[str, object] = {}
    key = None
    try:
        for key, item in value.items():
            encoded[encode_str(key, room)] = _encode(item, room - 1)
    except Misfit as misfit:
        misfit.under(f"[{shown(key)}]")
        raise
    return encoded


_ENCODERS: dict[type, Callable[[Any, int], object]] = {
    type(None): NONE.encode,
    bool: BOOL.encode,
    int: INT.encode,
    float: FLOAT.encode,
    str: STR.encode,
    list: _encode_array,
    dict: _encode_object,
}
