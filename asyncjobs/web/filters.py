"""Which jobs are asked for in a list: what its address says, as a Source and as a form have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from asyncjobs.errors import ConfigurationError
from asyncjobs.job import Job, Only
from asyncjobs.json_text import encoder
from asyncjobs.record import record
from asyncjobs.store.base import searched
from asyncjobs.web.redact import Redaction

NAMES = ("state", "queue", "task", "error", "text", "argument", "since", "until")
_TOLD = 200  # characters of what can't be read that are told
_PLAIN = re.compile(r"[\w.@:+/-]+")  # as it stands in JSON, too, be it a number or a text

_dumps = encoder(allow_nan=True)


@record
class Filters:
    """None asks nothing. since, until: of the time when they were put in. argument: "name=value", with dots for what is inside.

    Text and argument are compared with what may be shown alone: who looks must not find out a secret by looking for it.
    """

    state: str | None = None
    queue: str | None = None
    task: str | None = None
    error: str | None = None
    text: str | None = None
    argument: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """Raises ConfigurationError for an argument without a value, and a time that is none."""
        given: dict[str, Any] = {name: query.get(name) or None for name in NAMES}
        for name in ("since", "until"):
            given[name] = None if given[name] is None else _moment(name, given[name])
        if given["argument"] is not None and not all(given["argument"].partition("=")):
            raise ConfigurationError(f"argument={given['argument'][:_TOLD]!r}: give a name and a value, such as user_id=7")
        return cls(**given)

    @property
    def looks_closely(self) -> bool:
        """Whether what is stored of each job has to be read: nothing to be done anew every two seconds, for each who looks."""
        return self.text is not None or self.argument is not None

    def given(self) -> dict[str, str]:
        """Those that ask for something, by name, as `of` takes them."""
        has = {name: value for name in NAMES if (value := getattr(self, name)) is not None}
        return {name: f"{value:%Y-%m-%dT%H:%M:%S}" if isinstance(value, datetime) else value for name, value in has.items()}

    def asked(self, redaction: Redaction) -> dict[str, Any]:
        """As `Source.list` and `Source.where` take them."""
        return {
            "state": self.state, "queue": self.queue, "task": self.task, "error": self.error, "text": self._anywhere(),
            "since": self.since, "until": self.until, "only": self._only(redaction),
        }  # fmt: skip

    def _anywhere(self) -> str | None:
        """What must be found in the stored text of each that matches, so that few have to be looked at closely."""
        if self.text is not None or self.argument is None:
            return self.text
        value = self.argument.partition("=")[2]
        return value if _PLAIN.fullmatch(value) else None

    def _only(self, redaction: Redaction) -> Only | None:
        if not self.looks_closely:
            return None
        return lambda job: self._shows_text(job, redaction) and self._shows_argument(job, redaction)

    def _shows_text(self, job: Job, redaction: Redaction) -> bool:
        if self.text is None:
            return True
        wanted = searched(_dumps(self.text)[1:-1])
        shown = [job.id, job.key, *((job.error.type, job.error.message) if job.error else ()), redaction.arguments(job.args)]
        return any(wanted in searched(_dumps(one)) for one in shown if one)

    def _shows_argument(self, job: Job, redaction: Redaction) -> bool:
        if self.argument is None:
            return True
        name, _, wanted = self.argument.partition("=")
        value: Any = redaction.arguments(job.args)
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value or redaction.hides(part):
                return False
            value = value[part]
        return wanted in (value, _dumps(value))


def _moment(name: str, text: str) -> datetime:
    """Without a time zone it is UTC, as all times on the page are."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{name}={text[:_TOLD]!r}: give a time such as 2026-11-24T19:20") from None
