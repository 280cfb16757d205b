"""Why one value can't be carried, and where in the arguments it was met. Never leaves this package."""

from __future__ import annotations

import reprlib

SHOWN_CHARACTERS = 60  # of a value's repr: enough to recognise it, short enough for a log line

_repr = reprlib.Repr()  # looks at a few items only, so that a refused 100 MB list doesn't cost its whole repr
_repr.maxlevel = 3
_repr.maxstring = _repr.maxother = _repr.maxlong = SHOWN_CHARACTERS


class Misfit(Exception):
    """A value doesn't fit. Each level that it passes on its way up adds its own part of the path."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self._path: list[str] = []  # innermost part first

    @classmethod
    def expected(cls, what: str, got: object) -> Misfit:
        return cls(f"expected {what}, got {type(got).__name__} {shown(got)}")

    def under(self, part: str) -> None:
        """Note the part of the path that the level above knows: `.name`, `[3]` or a parameter's name."""
        self._path.append(part)

    def __str__(self) -> str:
        path = "".join(reversed(self._path)).removeprefix(".")
        return f"{path}: {self.sentence}" if path else self.sentence


class TooDeep(Misfit):
    """Nothing else to try: a union must not look for another member, at each of a hundred levels."""

    def __init__(self) -> None:
        super().__init__("is nested deeper than 100 levels, or contains itself")


def shown(value: object) -> str:
    """The value's repr in at most `SHOWN_CHARACTERS`, whatever its `__repr__` does."""
    try:
        text = _repr.repr(value)
    except Exception:  # a user's __repr__, or an int with more digits than Python prints
        text = f"<{type(value).__name__}>"
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
