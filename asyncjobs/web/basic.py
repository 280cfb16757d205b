"""HTTP Basic (RFC 7617) against one name and password from the environment."""

from __future__ import annotations

import os
from base64 import b64decode
from binascii import Error
from hashlib import sha256
from hmac import compare_digest

from starlette.exceptions import HTTPException
from starlette.requests import Request

from asyncjobs.errors import ConfigurationError
from asyncjobs.web.auth import Answer

USER, PASSWORD = "ASYNCJOBS_WEB_USER", "ASYNCJOBS_WEB_PASSWORD"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="asyncjobs", charset="UTF-8"'}


class Basic:
    """Lets in who gives both; such a one may act. Asks everybody else for them, with a 401."""

    def __init__(self) -> None:
        """Reads the environment, once. Raises ConfigurationError where it doesn't say both."""
        for variable in (USER, PASSWORD):
            if not os.environ.get(variable):
                raise ConfigurationError(
                    f'jobs.web(auth="basic") wants the environment variables {USER} and {PASSWORD}: {variable} is not set'
                )
        self._user = os.environ[USER]
        if ":" in self._user:  # what stands before the first one is the name
            raise ConfigurationError(f"{USER}={self._user!r}: a name that is sent by HTTP Basic has no colon in it")
        self._expected = _digest(f"{self._user}:{os.environ[PASSWORD]}".encode(errors="surrogateescape"))

    async def __call__(self, request: Request) -> Answer:
        """Raises HTTPException."""
        if not compare_digest(
            _digest(_given(request)), self._expected
        ):  # of one length whatever was given, and as long whichever part is wrong
            raise HTTPException(401, "Give the name and the password that the environment of this app says.", CHALLENGE)
        return "act", self._user


def _digest(text: bytes) -> bytes:
    return sha256(text).digest()


def _given(request: Request) -> bytes:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return b64decode(token.strip(), validate=True)
    except (Error, ValueError):  # ValueError: not ASCII
        return b""
