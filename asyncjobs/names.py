"""What may serve as a name or key: text that survives every store, log line and URL unchanged."""

from __future__ import annotations

from asyncjobs.errors import ArgumentError, ConfigurationError

MAX_NAME = 200  # characters, of a queue or task name and of an id
MAX_KEY = 1_000  # characters, of a unique key


def _flaw(text: object, longest: int) -> str | None:
    """Why this can't be a name, or None. Control characters, surrogates and bidirectional marks could disguise one."""
    if not isinstance(text, str):
        return f"is {type(text).__name__}, not str"
    if not text or text != text.strip():
        return "is empty, or begins or ends with white space"
    if len(text) > longest:
        return f"has {len(text):,} characters, more than {longest:,}"
    for character in text:
        if not character.isprintable():
            return f"contains U+{ord(character):04X}, which is not printable"
    return None


def check_name(name: object, what: str) -> None:
    """Raise ConfigurationError unless `name` can name a queue or a task."""
    flaw = _flaw(name, MAX_NAME)
    if flaw:
        raise ConfigurationError(f"{what} name {shown(name)} {flaw}; use a short printable text such as 'mail'")


def check_key(key: object, what: str, longest: int = MAX_KEY) -> None:
    """Raise ArgumentError unless `key` can be a job's id or unique key."""
    flaw = _flaw(key, longest)
    if flaw and not isinstance(key, str):
        raise ArgumentError(f"{what}={shown(key)} {flaw}; give a text, such as str() of it")
    if flaw:
        raise ArgumentError(f"{what}={shown(key)} {flaw}; use a short printable text such as 'welcome:7'")


def shown(value: object) -> str:
    """For a sentence: what it is, in ASCII, shortened."""
    try:
        text = ascii(value)
    except ValueError:  # a number of more digits than Python writes
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
