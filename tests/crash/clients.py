"""Clients on connections of their own, each asking at a steady pace, in threads."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable

Ask = Callable[[http.client.HTTPConnection, int, int], None]  # the connection, the client's number, its turn


class Clients:
    """From start() to stop(), which returns when the last one has ended. A client ends early when its connection breaks."""

    def __init__(self, port: int, ask: Ask, *, count: int, rate: float) -> None:
        self._port = port
        self._ask = ask
        self._pace = count / rate  # seconds between the requests of one
        self._over = threading.Event()
        self.broken: list[Exception] = []  # what ended clients early
        self._threads = [
            threading.Thread(target=self._client, args=(number, self._pace * number / count)) for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _client(self, number: int, late: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        due = time.monotonic() + late
        turn = 0
        try:
            while not self._over.wait(max(due - time.monotonic(), 0)):
                self._ask(connection, number, turn)
                turn += 1
                due += self._pace
        except (OSError, http.client.HTTPException) as error:
            self.broken.append(error)
        finally:
            connection.close()
