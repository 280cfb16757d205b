"""`python -m asyncjobs`: what can be done to a database file from a terminal. A command is a parser and a function.

Ends with 0, with 2 for words that it doesn't understand, and with 1 and a sentence on stderr for a file that can't be had.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from asyncjobs.errors import ConfigurationError, StoreError, StoreUnavailable

PROGRAM = "python -m asyncjobs"
PORT = 8200

Commands = argparse._SubParsersAction  # has no public name


def main(arguments: Sequence[str] | None = None) -> int:
    """Do as these say (the process's own, if None); the exit code. Words that can't be understood raise SystemExit(2), as argparse does."""
    parser = argparse.ArgumentParser(
        PROGRAM, description="Background jobs that an app keeps in a database file.", allow_abbrev=False
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    given = parser.parse_args(arguments)
    try:
        given.do(given)
    except StoreUnavailable as error:  # its sentence speaks to who enqueues; here only the reason holds
        return _failed(error.reason)
    except (StoreError, ConfigurationError) as error:
        return _failed(str(error))
    return 0


def _failed(sentence: str) -> int:
    print(f"asyncjobs: {sentence}", file=sys.stderr)
    return 1


# --- dashboard -----------------------------------------------------------------------------------------------------------


def _add_dashboard(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "dashboard",
        help="a page for a browser at this machine",
        description="Serve the page of this file to a browser at this machine. The file may be in use, at rest, or a copy; it is not changed.",
        allow_abbrev=False,
    )
    parser.add_argument("file", help="the path of the database, such as jobs.db")
    parser.add_argument("--host", type=_loopback, default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--act", action="store_true", help="whoever looks may act too: retry, cancel, pause ...")
    parser.add_argument("--open", action="store_true", help="show it in a browser")
    parser.set_defaults(do=_dashboard)


def _dashboard(given: argparse.Namespace) -> None:
    try:
        from asyncjobs.dashboard import serve  # loaded when it is asked for, with its server
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        raise ConfigurationError("the page wants a server, which is missing here: pip install uvicorn") from error
    serve(given.file, host=given.host, port=given.port, acts=given.act, opens=given.open)


def _loopback(text: str) -> str:
    """Whoever may look without a login is whoever is at this machine."""
    try:
        if text == "localhost" or ip_address(text).is_loopback:
            return text
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"{text!r} is no loopback address, and whoever can reach it could look. To let others in, mount jobs.web(auth=...) in the app; or "
        "forward the port: ssh -L 8200:127.0.0.1:8200 this-machine"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)


COMMANDS: Sequence[Callable[[Commands[argparse.ArgumentParser]], None]] = (_add_dashboard,)
