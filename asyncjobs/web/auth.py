"""What an app says of who may look, and who may act: the type of `auth=`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set
from typing import Literal

from starlette.requests import Request

May = (
    Literal["read", "act"] | Set[str]
)  # to look alone, to do everything, or to look and do what is named, such as {"retry", "cancel"}
Answer = May | tuple[May, str] | None  # with a name for what is written down; None: nothing
Judge = Callable[[Request], Answer | Awaitable[Answer]]
# "local": a person at this machine may act, too: for development. "basic": who gives the name and password that the environment says.
Auth = Judge | Literal["local", "basic"]
