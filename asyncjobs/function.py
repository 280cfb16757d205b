"""What users give as a function: called at once, with its result looked at."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeGuard


def is_function(given: object) -> TypeGuard[Callable[..., Any]]:
    """Whether calling this gives its answer: a class would give an object of it, an `async def` something to await."""
    waits = inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(getattr(given, "__call__", None))  # noqa: B004
    return callable(given) and not isinstance(given, type) and not waits
