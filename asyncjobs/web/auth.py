"""What an app says of who may look: the type of `auth=`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from starlette.requests import Request

Answer = Literal["read", "act"] | tuple[Literal["read", "act"], str] | None
Auth = Callable[[Request], Answer | Awaitable[Answer]]
