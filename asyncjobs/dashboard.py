"""The page of a database file, served by itself to a browser at this machine, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import webbrowser

import uvicorn

from asyncjobs.clock import SystemClock
from asyncjobs.errors import ConfigurationError
from asyncjobs.outsider import NO_LEAVE, Outsider
from asyncjobs.web.alone import PAGE, alone
from asyncjobs.web.opening import open_web

GRACE = 2  # seconds that answers under way have when it is to stop


def serve(url: str | os.PathLike[str], *, host: str, port: int, acts: bool, opens: bool) -> None:
    """Print the page's address, a line on stdout, and serve it until SIGINT or SIGTERM. To be called in the main thread.

    port: 0 takes a free one. acts: who looks may act. opens: a browser is shown the page. Raises what opening an `Outsider` raises;
    ConfigurationError for an address that can't be had.
    """
    asyncio.run(_serve(Outsider(url, acts=acts), host, port, acts, opens))


async def _serve(outside: Outsider, host: str, port: int, acts: bool, opens: bool) -> None:
    page = open_web(outside, auth="local" if acts else None, redact=(), clock=SystemClock(), no_acts=NO_LEAVE)
    server = uvicorn.Server(
        uvicorn.Config(
            alone(page),
            lifespan="off",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
    )

    def stop(*_: object) -> None:
        """Ours, since uvicorn raises the signal again when it has stopped, which by default would end us before the file is closed."""
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    async with outside:
        with _listening(host, port) as listener:
            where = f"[{host}]" if ":" in host else host
            address = f"http://{where}:{listener.getsockname()[1]}{PAGE}"
            print(address, flush=True)
            if opens:  # a browser in the terminal would not return
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            await server.serve(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """Who asks from now on is answered once it is served."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigurationError(
            f"port {port} of {host} can't be had ({error.strerror}); give another: --port 0 takes a free one"
        ) from error
