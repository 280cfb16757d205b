"""The JSON text: the one place where its options live.

Pure ASCII, because a store may not take lone surrogates and SQLite ends a text at NUL in places; strict JSON, because
SQLite's JSON functions call `NaN` malformed (tried, `research/ecosystem.md` §5).
"""

from __future__ import annotations

import json
from typing import NoReturn

from asyncjobs.codec.misfit import Misfit
from asyncjobs.json_text import encoder

# The circle check is ours already: no converter lets anything through that is nested deeper than 100 levels.
_encode = encoder(allow_nan=False)


def dumps(value: object) -> str:
    """ASCII JSON without spaces, for what a converter has made. Raises `Misfit` on what JSON can't say."""
    try:
        return _encode(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise Misfit(f"can't be written as JSON: {error}") from error


def loads(text: str) -> object:
    """The inverse of `dumps`. Raises `Misfit` on anything that is not strict JSON, too deep, or not text."""
    try:
        return _read(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise Misfit(f"not readable as JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)


def _read(text: str) -> object:
    """What `dumps` wrote has no space around it; looking for it, by regular expressions, would take as long as the rest."""
    if text[:1] in ("{", "["):
        value, end = _decoder.raw_decode(text)
        if end == len(text):
            return value
    return _decoder.decode(text)
