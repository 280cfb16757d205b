"""Time, chance and identity: the only module that reads them, so that a test can hold them all still."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A callback that was asked for later."""

    def cancel(self) -> None:
        """Make sure that the callback doesn't run; harmless afterwards and twice."""


class Clock(Protocol):
    """What the runner knows of time and chance.

    `now` is for what is stored and shown, `monotonic` for durations and deadlines: only the second never jumps.
    """

    def now(self) -> int:
        """The wall clock, integer milliseconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never backwards."""

    def random(self) -> float:
        """A number from [0, 1)."""

    def new_id(self) -> str:
        """An id that nobody has had: UUID version 7, so ids made later sort later."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` on the running loop after `seconds`, at once when not positive."""


_CHANCES_AT_ONCE = 64
_chances: list[str] = []  # 64 random bits each, unused: a system call lets go of the interpreter, so there is one for many
os.register_at_fork(after_in_child=_chances.clear)  # or parent and child would use the same

_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))  # a random digit's two low bits, behind the variant's 10


class SystemClock:
    """The real thing."""

    def __init__(self) -> None:
        self._last_id_ms = 0  # written and read by new_id only
        self._id_sequence = 0  # 12 bits, counts within one millisecond
        self._id_time = ""  # that millisecond and the version, as an id begins with them

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def random(self) -> float:
        return random.random()

    def new_id(self) -> str:
        """UUIDv7 by RFC 9562 §6.2 method 1: 48 bits of milliseconds, a 12-bit counter, 62 random bits.

        The counter starts anew at a random point below 2048 in each millisecond and carries into the time field when it
        overflows, so ids of one process sort in the order they were made even when the wall clock stands or steps back.
        """
        milliseconds = self.now()
        if milliseconds > self._last_id_ms:
            self._set_id_time(milliseconds, random.getrandbits(11))
        elif self._id_sequence < 0xFFF:
            self._id_sequence += 1
        else:
            self._set_id_time(self._last_id_ms + 1, 0)
        chance = _chance()
        return f"{self._id_time}{self._id_sequence:03x}-{_VARIANT[chance[0]]}{chance[1:4]}-{chance[4:]}"

    def _set_id_time(self, milliseconds: int, sequence: int) -> None:
        text = f"{milliseconds:012x}"
        self._last_id_ms, self._id_sequence, self._id_time = milliseconds, sequence, f"{text[:8]}-{text[8:]}-7"

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(max(seconds, 0.0), callback)


def _chance() -> str:
    """16 hexadecimal digits that nobody can guess."""
    try:
        return _chances.pop()
    except IndexError:
        digits = os.urandom(8 * _CHANCES_AT_ONCE).hex()
        first, *rest = (digits[start : start + 16] for start in range(0, len(digits), 16))
        _chances.extend(rest)
        return first


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait `seconds` of that clock's time."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = clock.call_later(seconds, lambda: None if over.done() else over.set_result(None))
    try:
        await over
    finally:
        timer.cancel()


def pause(seconds: float) -> None:
    """Block this thread: for threads of our own, never on a loop."""
    time.sleep(seconds)
