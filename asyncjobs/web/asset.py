"""What lies in static/: served as it lies there, at an address that changes with its content."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).with_name("static")


class Asset:
    """Read once, when the web app is made (a few KB; no request waits for a disk)."""

    def __init__(self, name: str, media_type: str) -> None:
        self.media_type = media_type
        self.content = (FOLDER / name).read_bytes()
        self.version = sha256(self.content).hexdigest()[:16]
        self.path = f"static/{name}"  # below the mount
        self.href = f"{self.path}?v={self.version}"  # below the mount
