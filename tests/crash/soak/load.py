"""The mixed load: who asks for what, how often."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections import Counter, deque
from typing import Any

from tests.crash.clients import Clients

CLIENTS = 8
# Of a hundred requests. `result` waits for what its job returned.
MIX = {
    "quick": 58,
    "result": 10,
    "flaky": 8,
    "delayed": 8,
    "threaded": 7,
    "long": 5,
    "doomed": 2,
    "resigned": 2,
}
BURST = 200  # jobs in threads at the very start, so that there are as many threads as there will ever be
CANCELLED_AFTER = 1.0  # seconds, for `long`: some run then, some still wait


class Load(Clients):
    """Requests at a fixed rate from several callers. Counts what was acknowledged, by kind; each client writes its own counter."""

    def __init__(self, port: int, *, rate: float, seed: int) -> None:
        super().__init__(port, self._turn, count=CLIENTS, rate=rate)
        self._chances = [random.Random(f"{seed} {number}") for number in range(CLIENTS)]
        self._counts: list[Counter[str]] = [Counter() for _ in range(CLIENTS)]
        self._to_cancel: list[deque[tuple[float, str]]] = [deque() for _ in range(CLIENTS)]

    @property
    def acknowledged(self) -> Counter[str]:
        """To be read after stop()."""
        return sum(self._counts, Counter())

    def _turn(self, connection: http.client.HTTPConnection, number: int, turn: int) -> None:
        to_cancel = self._to_cancel[number]
        if to_cancel and time.monotonic() > to_cancel[0][0]:
            self._post(connection, f"/cancel/{to_cancel.popleft()[1]}", http.client.OK)
        (kind,) = self._chances[number].choices(list(MIX), list(MIX.values()))
        path = f"/result/{turn}" if kind == "result" else f"/enqueue/{kind}/{turn}"
        body = self._post(connection, path, http.client.ACCEPTED)
        self._counts[number][kind] += 1
        if kind == "long":
            to_cancel.append((time.monotonic() + CANCELLED_AFTER, body["id"]))

    def _post(self, connection: http.client.HTTPConnection, path: str, expected: int) -> Any:
        connection.request("POST", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != expected:
            raise http.client.HTTPException(f"{path} answered {answer.status}: {body[:500]!r}")
        return json.loads(body)
