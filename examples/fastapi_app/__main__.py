"""`python -m examples.fastapi_app`: serve the example; `--demo`: show it surviving a kill -9, then exit."""

from __future__ import annotations

import argparse
import logging
import os
import sys

import uvicorn

from examples.fastapi_app.demo import demo


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.fastapi_app", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data", help="folder for the jobs and what they write (default: data/ beside the example)")
    parser.add_argument("--demo", action="store_true", help="enqueue over HTTP, kill the server half-way, restart it, count")
    options = parser.parse_args()
    if options.demo:
        return demo()
    if options.data:
        os.environ["EXAMPLE_DATA"] = options.data
    return serve(options.port)


def serve(port: int) -> int:
    """Serve on loopback until interrupted."""
    from examples.fastapi_app.app import DATA, app  # reads EXAMPLE_DATA, which main() has set

    base = f"http://127.0.0.1:{port}"
    print(f"the app     {base}/\nits API     {base}/docs\nits jobs    {base}/jobs/stats\nits data    {DATA}\n", flush=True)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(name)s: %(message)s")
    uvicorn.run(app, port=port, access_log=False, timeout_graceful_shutdown=5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
