"""What an app says of who may look, and who may act: the type of `auth=`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from starlette.requests import Request

Answer = Literal["read", "act"] | tuple[Literal["read", "act"], str] | None
Judge = Callable[[Request], Answer | Awaitable[Answer]]
Auth = Judge | Literal["local"]  # a person at this machine may act, too: for development
