"""Clients that hand in work, and write down what was acknowledged to them."""

from __future__ import annotations

import http.client
import time

from tests.crash.clients import Clients
from tests.crash.server import Ledger

CLIENTS = 8
RATE = 48.0  # pieces of work a second by all of them: most of what ten at a time get done, so that most slots are busy


class Load(Clients):
    """`prefix` keeps the names of rounds apart. Broken connections are of no interest: what was not answered was not acknowledged."""

    def __init__(self, port: int, prefix: str, ledger: Ledger) -> None:
        super().__init__(port, self._hand_in, count=CLIENTS, rate=RATE)
        self._prefix = prefix
        self._ledger = ledger

    def _hand_in(self, connection: http.client.HTTPConnection, number: int, turn: int) -> None:
        name = f"{self._prefix}.{number}.{turn}"
        connection.request("POST", f"/work/{name}")
        answer = connection.getresponse()
        answer.read()
        if answer.status == http.client.ACCEPTED:
            self._ledger.write("ack", name, time.monotonic_ns())
