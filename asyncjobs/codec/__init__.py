"""Arguments, results and metadata as JSON text and back, decided by annotation. Pure: no I/O of our own, no clock.

One encoding, with or without pydantic installed. A value comes back equal to what was sent, or it is refused in a
sentence before anything is stored; nothing is ever pickled, and nothing named in stored data is imported or called.

The files, from the bottom: `misfit` (why a value can't be carried), `text` (the JSON options), `converter` (the value
that all the others make), `scalars`, `moments`, `untyped` (`Any`), `containers`, `choices` (`Literal`, `Enum`),
`records`, `models` (pydantic), `unions`, `hints`, `annotations` (from an annotation to its converter); on top of them
what the rest of the library uses: `arguments`, `result`, `meta`.
"""

from __future__ import annotations

from asyncjobs.codec.arguments import Arguments
from asyncjobs.codec.meta import decode_meta, encode_meta
from asyncjobs.codec.result import Result

__all__ = ["Arguments", "Result", "decode_meta", "encode_meta"]
