"""A loaded app: 64 connections post to a handler that enqueues, while the jobs run in the same process and loop."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

CONNECTIONS = 64


def measure(folder: Path, seconds: float) -> dict[str, float]:
    """Requests a second without and with enqueue, and how many of the accepted jobs had run two seconds after the end."""
    port = _free_port()
    server = subprocess.Popen([sys.executable, "-m", "tests.bench.web", str(folder / "web.db"), str(port)])
    try:
        _wait_for(port)
        asyncio.run(_load(port, "/noop", seconds / 3))  # warm
        noop, _ = asyncio.run(_load(port, "/noop", seconds))
        rate, accepted = asyncio.run(_load(port, "/job", seconds))
        time.sleep(2)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ran") as answer:
            ran = json.load(answer)["ran"]
    finally:
        server.terminate()
        server.wait()
    return {"noop": noop, "enqueue": rate, "accepted": accepted, "ran": ran, "executed": ran / seconds}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the bench server did not start")


async def _load(port: int, path: str, seconds: float) -> tuple[float, int]:
    """Answered requests a second, and how many; every answer must be 2xx."""
    request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode()
    done = 0
    began = time.perf_counter()

    async def connection() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - began < seconds:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 2"):
                raise SystemExit(head.decode())
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            done += 1
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return done / (time.perf_counter() - began), done


def _serve(path: str, port: int) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    from asyncjobs import Jobs

    jobs = Jobs(path, queues={"default": 100})
    ran = 0

    @jobs.task(name="noop")
    async def noop(n: int) -> None:
        nonlocal ran
        ran += 1

    async def plain(request: Request) -> Response:
        return JSONResponse({"ok": True}, 202)

    async def enqueue(request: Request) -> Response:
        job = await jobs.enqueue(noop, n=1)
        return JSONResponse({"job": job.id}, 202)

    async def count(request: Request) -> Response:
        return JSONResponse({"ran": ran})

    app = Starlette(
        routes=[Route("/noop", plain, methods=["POST"]), Route("/job", enqueue, methods=["POST"]), Route("/ran", count)],
        lifespan=jobs.lifespan,
    )
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
