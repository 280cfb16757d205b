"""A picture from nothing: a PNG of a Julia set, so that the example needs no image library to have something to compute."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path


def write_thumbnail(path: Path, *, seed: int, size: int) -> None:
    """Write a grey PNG of `size` × `size` pixels; the same seed gives the same picture."""
    constant = complex(-0.8 + (seed % 17) / 50, 0.156 + (seed % 13) / 60)
    rows = bytearray()
    for y in range(size):
        rows.append(0)  # PNG: no filter for this row
        rows.extend(_brightness(complex(3 * x / size - 1.5, 3 * y / size - 1.5), constant) for x in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(rows))) + _chunk(b"IEND", b"")
    )


def _brightness(z: complex, constant: complex) -> int:
    for step in range(64):
        if abs(z) > 2:
            return step * 4
        z = z * z + constant
    return 255


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
