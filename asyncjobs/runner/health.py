"""Whether the runner does its duty, and if not, why: what /jobs/health and the stats say."""

from __future__ import annotations

import logging

logger = logging.getLogger("asyncjobs.runner")


class Health:
    """Reasons for not being well, by the part that gave them. Each change is logged once, not each repetition."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}  # written by the loops through bad() and good()

    @property
    def reasons(self) -> dict[str, str]:
        """Part → what is wrong with it; empty when all is well."""
        return dict(self._reasons)

    def bad(self, part: str, reason: str) -> None:
        """This part can't do its duty now; the app goes on serving."""
        is_new = part not in self._reasons
        self._reasons[part] = reason  # first: a log handler of the app's may raise
        if is_new:
            logger.critical("asyncjobs is degraded: %s: %s", part, reason)

    def good(self, part: str) -> None:
        """This part is well (again)."""
        if self._reasons.pop(part, None) is not None:
            logger.warning("asyncjobs has recovered: %s", part)
