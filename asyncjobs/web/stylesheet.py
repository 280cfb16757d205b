"""The one stylesheet: served as it lies in static/, at an address that changes with its content."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

FILE = Path(__file__).with_name("static") / "style.css"


class Stylesheet:
    """Read once, when the web app is made (a few KB; no request waits for a disk)."""

    path = "static/style.css"  # below the mount

    def __init__(self) -> None:
        self.content = FILE.read_bytes()
        self.version = sha256(self.content).hexdigest()[:16]
        self.href = f"{self.path}?v={self.version}"  # below the mount
