"""What a page must not show: values whose name says that they are secret."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from asyncjobs.errors import ConfigurationError

HIDDEN = "•••"
DEEPEST = 50  # levels that are looked into; what lies below is hidden as a whole

# Names of secrets as frameworks and their scrubbers know them: anywhere in a name, in any spelling of its words.
_SECRET = re.compile(
    r"passw(or)?d|passphrase|passcode|secret|token|api_?key|access_?key|private_?key|auth|credential|cookie|session|csrf|"
    r"jwt|otp|pin_?code|ssn|card_?n|cvv|cvc|iban",
    re.IGNORECASE,
)


class Redaction:
    """Hides by name, at any depth. Names given beside the known ones are compared whole, in any case."""

    def __init__(self, names: Collection[str] = ()) -> None:
        """Raises ConfigurationError for what is no collection of names."""
        if isinstance(names, str) or not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
            raise ConfigurationError(f"jobs.web(redact={names!r}): give names of arguments, e.g. redact=('email', 'address')")
        self._names = frozenset(name.casefold() for name in names)

    def of_json(self, text: str) -> Any:
        """What this JSON says, without its secrets; nothing of it where it is none, or nested too deeply to be read."""
        try:
            return self.of(json.loads(text))
        except (ValueError, RecursionError):
            return HIDDEN

    def of(self, value: Any, depth: int = DEEPEST) -> Any:
        """This value (of dicts, lists and plain ones) without its secrets."""
        if isinstance(value, dict | list) and not depth:
            return HIDDEN
        if isinstance(value, dict):
            return {name: HIDDEN if self.hides(name) else self.of(inner, depth - 1) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner, depth - 1) for inner in value]
        return value

    def hides(self, name: str) -> bool:
        """Whether what has this name is secret."""
        return name.casefold() in self._names or _SECRET.search(name.replace("-", "_")) is not None

    def arguments(self, text: str) -> dict[str, Any]:
        """Of a stored call, by the name of their parameter; those that a function takes by position alone by their number."""
        try:
            call = json.loads(text)
            given = {**{str(place): value for place, value in enumerate(call["args"])}, **call["kwargs"]}
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"?": HIDDEN}
        hidden: dict[str, Any] = self.of(given)
        return hidden
