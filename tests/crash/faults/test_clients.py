"""Clients that go away while their handler awaits enqueue."""

from __future__ import annotations

import json
import socket

import pytest

from tests.crash.faults.conftest import Serve
from tests.crash.faults.server import FaultServer
from tests.crash.faults.stranger import Stranger

CLIENTS = 20


@pytest.mark.parametrize("handler", ["enqueue/work", "enqueue-while-wanted"])
def test_a_client_that_goes_away_leaves_a_whole_job_that_runs_once(serve: Serve, handler: str) -> None:
    """Whether the handler goes on to its end or is dropped in the middle of the enqueue: what was submitted is written."""
    server = serve()
    server.is_well()
    with Stranger(server.folder / "jobs.db") as stranger:
        stranger.lock()  # so that every enqueue waits
        clients = [send(server, handler, n) for n in range(1, CLIENTS + 1)]
        server.wait_until(lambda: server.ask("GET", "/callers").body["waiting"] == CLIENTS)
        with server.visited():
            for client in clients:
                client.close()
            if handler == "enqueue-while-wanted":
                server.wait_until(lambda: len(server.ledger.lines("dropped")) == CLIENTS)
    server.wait_until(lambda: len(server.ledger.lines("end")) == CLIENTS + 1)
    server.wait_until(lambda: server.ask("GET", "/callers").body["waiting"] == 0)
    ran = sorted(int(words[4]) for words in server.ledger.lines("start"))
    assert ran == list(range(CLIENTS + 1))
    server.is_well()
    assert not server.says("Traceback")
    assert not server.says("never retrieved")


def send(server: FaultServer, handler: str, n: int) -> socket.socket:
    """A request that nobody waits for the answer of."""
    body = json.dumps({"n": n})
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(f"POST /{handler} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    return client
