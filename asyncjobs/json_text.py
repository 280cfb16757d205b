"""JSON in ASCII, without spaces."""

from __future__ import annotations

import json
from collections.abc import Callable


def encoder(*, allow_nan: bool) -> Callable[[object], str]:
    """A function from a value to its text. It doesn't look for circles: nested too deeply, it raises RecursionError.

    `JSONEncoder.encode` makes itself a C encoder for each call, which takes longer than to use it; here one serves all.
    """
    plain = json.JSONEncoder(ensure_ascii=True, allow_nan=allow_nan, check_circular=False, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    quote = json.encoder.encode_basestring_ascii
    parts = make(None, plain.default, quote, None, plain.key_separator, plain.item_separator, False, False, allow_nan)
    return lambda value: "".join(parts(value, 0))
