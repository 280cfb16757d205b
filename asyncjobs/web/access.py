"""Who may look: what `auth=` says, and without it only a person at this very machine."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Collection, Set
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from asyncjobs.errors import ConfigurationError
from asyncjobs.record import record
from asyncjobs.web.auth import Auth, Judge
from asyncjobs.web.basic import Basic

logger = logging.getLogger("asyncjobs.web")

JSON = "application/json"
MOUNT_LINE = 'app.mount("/jobs", jobs.web(auth=...))'

# A request with any of these came through a proxy, so its peer says nothing about who asks. Lower case, as ASGI has them.
FORWARDING = frozenset(
    {
        "client-ip", "forwarded", "forwarded-for", "proxy-connection", "true-client-ip", "via", "x-client-ip",
        "x-cluster-client-ip", "x-coming-from", "x-host", "x-originating-ip", "x-proxyuser-ip", "x-real-ip", "x-remote-addr",
        "x-remote-ip", "x-scheme",
    }
)  # fmt: skip
FORWARDING_FAMILIES = (
    "cf-", "fastly-", "fly-", "tailscale-", "x-amz-cf-", "x-amzn-", "x-appengine-", "x-arr-", "x-azure-", "x-envoy-",
    "x-forwarded", "x-original-", "x-vercel-",
)  # fmt: skip

_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[^\[\]:@/\\\s]+))(?::[0-9]{1,5})?", re.IGNORECASE)


@record
class Visitor:
    """Who was let in. may: the acts that such a one may do. name: as `auth` told it. local: let in without `auth`, for being at this machine."""

    may: frozenset[str] = frozenset()
    name: str | None = None
    local: bool = False


@record
class Refused:
    """Why somebody was not let in. closed: there is no `auth`, so nobody but a person at this machine ever is."""

    why: str
    closed: bool


class Gate:
    """Lets in or refuses. Raises ConfigurationError for an `auth` that can't be asked."""

    def __init__(self, auth: Auth | None, acts: Collection[str]) -> None:
        """acts: all that can be done."""
        if auth is not None and auth not in ("local", "basic") and not callable(auth):
            raise ConfigurationError(
                f"jobs.web(auth={auth!r}): give a function of the request that returns None, 'read', 'act', a set of acts, or one of these with "
                "a name: ('read', name); or 'basic', or 'local'"
            )
        self._judge: Judge | None = None if auth is None or auth == "local" else Basic() if auth == "basic" else auth
        self._acts = frozenset(acts)
        self._local = Visitor(self._acts if auth == "local" else frozenset(), local=True)

    async def judge(self, request: Request) -> Visitor | Refused:
        """What this visitor may do. Whatever `auth` raises comes through: an HTTPException is its answer, the rest its bug."""
        if self._judge is None:
            why = why_not_local(request)
            return self._local if why is None else Refused(why, closed=True)
        answer = await _ask(self._judge, request)
        may, name = answer if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], str) else (answer, None)
        acts = self._meant(may)
        if acts is not None:
            return Visitor(acts, name)
        if answer is not None:
            logger.error(
                "the auth= of jobs.web returned %.200r, so the visitor was refused: return None, 'read', 'act', a set of acts, or one of these "
                "with a name: ('read', name). There are: %s",
                answer,
                ", ".join(sorted(self._acts)),
            )
        return Refused("the auth= of this app said no", closed=False)

    def _meant(self, may: object) -> frozenset[str] | None:
        """The acts that are allowed; None where it says nothing of the kind."""
        if may == "read":
            return frozenset()
        if may == "act":
            return self._acts
        return frozenset(may) if isinstance(may, Set) and may <= self._acts else None


async def _ask(auth: Judge, request: Request) -> object:
    """A `def` is asked in a thread, as Starlette does with handlers: it may well read a database."""
    waits = inspect.iscoroutinefunction(auth) or inspect.iscoroutinefunction(type(auth).__call__)
    answer = auth(request) if waits else await run_in_threadpool(auth, request)
    return await answer if inspect.isawaitable(answer) else answer


def why_not_local(request: Request) -> str | None:
    """Why this request may come from elsewhere than a person at this machine; None when nothing says so.

    All must hold: the peer is a loopback address (no peer: a Unix socket, behind which a proxy usually stands); no proxy has
    left a trace; and the Host is one that only this machine resolves to itself, for any page of the web can point its own
    name at 127.0.0.1 (DNS rebinding).
    """
    peer = request.client.host if request.client else None
    if not peer:
        return "the server does not say where the request comes from (a Unix socket, for example)"
    if not is_loopback(peer):
        return f"the request comes from {peer}, not from this machine"
    for name in request.headers:
        if name in FORWARDING or name.startswith(FORWARDING_FAMILIES):
            return f"the request was forwarded by a proxy: it has the header {name}"
    if request.scope.get("http_version") == "1.0":
        # nginx's `proxy_pass http://127.0.0.1:8000` with nothing else: it asks by HTTP/1.0 (its default for long), for
        # `Host: 127.0.0.1:8000`, with no header that gives it away. Browsers and curl have spoken 1.1 since 1999.
        return "the request speaks HTTP/1.0, as a forwarding nginx does"
    hosts = request.headers.getlist("host")
    if len(hosts) != 1 or not is_local_host(hosts[0]):
        return f"it was asked for as {', '.join(hosts) or 'no host'}, not as localhost"
    return None


def is_local_host(host: str) -> bool:
    """Whether this Host header, with or without port, is localhost or a loopback address."""
    parts = _HOST.fullmatch(host)
    if parts is None:
        return False
    if parts["six"] is not None:
        return is_loopback(parts["six"])
    return parts["name"].lower() == "localhost" or (":" not in parts["name"] and is_loopback(parts["name"]))


def is_loopback(address: str) -> bool:
    """Whether this is an IP address of the machine itself; an IPv4 one written as IPv6 counts as what it is."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None  # is_loopback knows these only since Python 3.13
    return (ip if mapped is None else mapped).is_loopback


def why_not_same_origin(request: Request) -> str | None:
    """Why this request may have been made by a page of somebody else's, in the name of who looks at ours; None when it was not.

    Browsers say where a request was made, in Sec-Fetch-Site; where they don't (plain HTTP elsewhere than on this machine), in
    Origin. What says neither is no browser of these years: it is believed where it carries no cookie, which a browser would send along. A
    browser sends basic credentials along, too, but no page of somebody else's can have it send JSON with them, as programs do.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return None if site == "same-origin" else f"it was made by another site (Sec-Fetch-Site: {site})"
    origin = request.headers.get("origin")
    if origin is None:
        if "cookie" in request.headers:
            return "it carries a cookie, and doesn't say where it was made"
        if "authorization" in request.headers and media_type(request) != JSON:
            return "it carries credentials, and doesn't say where it was made; a program sends JSON (application/json)"
        return None
    host = request.headers.get("host", "")
    if host and _netloc(origin) == host.lower():  # "null", as of a sandboxed frame, has no host
        return None
    return f"it was made by a page of {origin}, not of {host or 'no host'}"


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # such as http://[
        return ""


def media_type(request: Request) -> str:
    """Of its body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
