"""The web app that is mounted: which address answers what, to whom, and under which headers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from asyncjobs.clock import Clock, SystemClock
from asyncjobs.errors import ConfigurationError, NotStarted
from asyncjobs.stats import Snapshot
from asyncjobs.store.base import HistoryBucket
from asyncjobs.web.access import JSON, MOUNT_LINE, Gate, Refused, Visitor, why_not_same_origin
from asyncjobs.web.act_pages import confirm_page, done_line, way_back
from asyncjobs.web.acting import VERBS, BadAct, act, asked_for, is_json, known, refused, verb_of
from asyncjobs.web.api import act_json, answer_json, error_json, unreadable_json
from asyncjobs.web.asset import Asset
from asyncjobs.web.auth import Auth
from asyncjobs.web.chores import Chores
from asyncjobs.web.closed import error_page, refused_page, unreadable_page
from asyncjobs.web.conditional import is_known, not_modified, tag_of
from asyncjobs.web.latest import Kept, Latest, Unreadable, read
from asyncjobs.web.layout import Place
from asyncjobs.web.metrics import MEDIA_TYPE as METRICS
from asyncjobs.web.metrics import metrics
from asyncjobs.web.mounting import mounted
from asyncjobs.web.negotiate import Face, face
from asyncjobs.web.openapi import PATH as OPENAPI
from asyncjobs.web.openapi import openapi
from asyncjobs.web.pages import PAGES
from asyncjobs.web.redact import Redaction
from asyncjobs.web.source import Source
from asyncjobs.web.span import HOUR, SPANS, Span
from asyncjobs.web.view import AnyView, Missing, NumbersView, View, Visit

logger = logging.getLogger("asyncjobs.web")

FAILED = "This page failed, which is a mistake in asyncjobs: please report it, with what the log says under {}. The jobs go on."
NO_ACTS = 'You may look, and not act: give jobs.web an auth= that says who may, or auth="local" while developing.'
KEEP_PAST = 30.0  # seconds; a week of many busy tasks takes a few tenths of one to add up (2026-11)
LOOKING = ("GET", "HEAD")
ACTING = ("POST",)

Answering = Callable[[Request, Place], Awaitable[Response]]
Showing = Callable[[Request, Visit], Awaitable[Response]]


class Route(NamedTuple):
    """What is at an address, and by which methods."""

    methods: Sequence[str]
    answer: Answering


HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types asyncjobs"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
_OURS = frozenset({name.lower() for name in HEADERS} | {"content-length", "content-type", "etag", "vary"})


def web_app(
    source: Source,
    *,
    auth: Auth | None = None,
    redact: Collection[str] = (),
    clock: Clock | None = None,
    no_acts: str = NO_ACTS,
) -> ASGIApp:
    """An ASGI app with `stats` and `health`, for any mount point.

    auth: asked with each request for the numbers, a `def` (in a thread) or `async def` of the Starlette Request. Returns None
        (refused), "read", "act", a set of acts such as {"retry", "cancel"} (which may look, too), or one of these with a name: ("read", name). May raise Starlette's HTTPException instead,
        to send to a login. Without it only a person at this machine may look; with "local" such a one may act, too; with "basic" who gives ASYNCJOBS_WEB_USER and ASYNCJOBS_WEB_PASSWORD may, by HTTP Basic.
    redact: names of values that no page shows, beside those that say by themselves that they are secret.
    no_acts: what a person at this machine is told who may only look.
    Raises ConfigurationError for an `auth` that is no function, and a `redact` that is no names. `health` and the stylesheet are open to everyone.
    """
    return Web(source, Gate(auth, VERBS), Redaction(redact), SystemClock() if clock is None else clock, no_acts)


class Web:
    """The ASGI app.

    It dispatches by itself rather than through a Starlette: inside one, `request.app` would no longer be the app whose state
    an `auth` wants; and 404 and 405 from a bare Router go to the outer app, past our headers.
    """

    def __init__(self, source: Source, gate: Gate, redaction: Redaction, clock: Clock, no_acts: str) -> None:
        self._source = source
        self._gate = gate
        self._redaction = redaction
        self._clock = clock
        self._no_acts = no_acts
        self._chores = Chores(clock.now)
        self._latest = Latest(source, clock.monotonic)
        self._pasts = {name: self._past(span) for name, span in SPANS.items()}
        self._style = Asset("style.css", "text/css")
        self._script = Asset("live.js", "text/javascript")
        self._told: frozenset[str] = frozenset()  # the parts that were ill at the last health; written by _health
        self._routes = {
            "": Route(LOOKING, self._home),
            "/": Route(LOOKING, self._home),
            **{f"/{path}": Route(LOOKING, self._guarded(self._shown(view))) for path, view in PAGES.items()},
            "/stats/confirm": Route((*LOOKING, *ACTING), self._guarded(self._confirm)),
            "/stats/act": Route(ACTING, self._guarded(self._act)),
            f"/{OPENAPI}": Route(LOOKING, self._guarded(self._openapi)),
            "/metrics": Route(LOOKING, self._guarded(self._metrics)),
            "/health": Route(LOOKING, self._health),
            **{f"/{asset.path}": Route(LOOKING, _served(asset)) for asset in (self._style, self._script)},
        }
        self._other = Router()  # closes websockets; answers a server's lifespan when mounted nowhere

    def _past(self, span: Span) -> Kept[Sequence[HistoryBucket]]:
        """Of a length that is read by itself."""

        async def ask() -> Sequence[HistoryBucket]:
            return await self._source.history(since=float(span.length - span.step), step=float(span.step))

        return Kept(f"the history of the {span.words}", ask, self._clock.monotonic, KEEP_PAST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        scope, path, up = mounted(scope)
        request = Request(scope, receive)
        query = scope["query_string"].decode("latin-1")  # not request.url, which raises for a byte that is no UTF-8
        here = path.lstrip("/") + (f"?{query}" if query else "")
        place = Place(up, self._style.href, self._script.href, live="live" in request.query_params, here=here)
        response = await self._answer(request, path, place)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)  # the stylesheet has its own Cache-Control; nobody else can
        if request.method == "HEAD":
            response.body = b""  # its length stays announced, as for GET
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str, place: Place) -> Response:
        route = self._routes.get(path)
        if route is None:
            return _error(request, place, 404, "Nothing is at this address.")
        if request.method not in route.methods:
            response = _error(request, place, 405, f"This address is only for {', '.join(route.methods)}.")
            response.headers["Allow"] = ", ".join(route.methods)
            return response
        return await route.answer(request, place)

    async def _home(self, request: Request, place: Place) -> Response:
        return Response(status_code=307, headers={"Location": place.up + "stats"})

    def _guarded(self, show: Showing) -> Answering:
        """For those who may look."""

        async def judged(request: Request, place: Place) -> Response:
            try:
                visitor = await self._gate.judge(request)
            except HTTPException as answer:
                response = _error(request, place, answer.status_code, str(answer.detail))
                response.headers.update(
                    {name: value for name, value in (answer.headers or {}).items() if name.lower() not in _OURS}
                )
                return response
            if isinstance(visitor, Refused):
                return _refused(request, place, visitor)
            may = replace(place, may=visitor.may, did=done_line(request.query_params))
            span = SPANS.get(request.query_params.get("range", ""), HOUR)
            visit = Visit(request.query_params, visitor, may, self._redaction, self._chores, self._clock.now(), span)
            try:
                return await show(request, visit)
            except Exception:  # a bug of ours: said on a page that leads back, and in full in the log alone
                number = self._clock.new_id()
                logger.exception("%r could not be answered; its page names %s", place.here, number)
                return _error(request, place, 500, FAILED.format(number))

        return judged

    def _shown(self, view: AnyView) -> Showing:
        return self._of_numbers(view) if isinstance(view, NumbersView) else self._of_its_own(view)

    def _of_numbers(self, view: NumbersView) -> Showing:
        """Of the snapshot: known by its mark before anything of it is written."""

        async def show(request: Request, visit: Visit) -> Response:
            reading = await self._latest.get()
            if isinstance(reading, Unreadable):
                return self._unreadable(request, visit.place, reading)
            mark = self._latest.mark(reading)
            if visit.span is not HOUR:
                kept = self._pasts[visit.span.name]
                visit = replace(visit, history=await kept.get(), now=reading.as_of)
                mark += f" {kept.number}"
            html = face(request) is Face.HTML
            tag = tag_of(f"{html} {visit.place} {visit.visitor} {sorted(visit.query.items())} {mark}")
            if is_known(request, tag):
                return not_modified(tag)
            try:
                body = self._latest.written(tag, lambda: _body(view, reading, visit, html=html))
            except Missing as missing:
                return _error(request, visit.place, 404, str(missing))
            return _tagged(HTMLResponse(body) if html else Response(body, media_type=JSON), tag)

        return show

    def _of_its_own(self, view: View[Any]) -> Showing:
        async def show(request: Request, visit: Visit) -> Response:
            try:
                seen = await read(view.look(self._source, visit))
            except ConfigurationError as error:
                return _error(request, visit.place, 400, str(error))
            except Missing as missing:
                return _error(request, visit.place, 404, str(missing))
            if isinstance(seen, Unreadable):
                return self._unreadable(request, visit.place, seen)
            html = face(request) is Face.HTML
            response = HTMLResponse(view.html(seen, visit)) if html else answer_json(view.fields(seen, visit))
            tag = tag_of(bytes(response.body).decode())
            return not_modified(tag) if is_known(request, tag) else _tagged(response, tag)

        return show

    async def _openapi(self, request: Request, visit: Visit) -> Response:
        return answer_json(openapi(visit.place.up))

    async def _metrics(self, request: Request, visit: Visit) -> Response:
        reading = await self._latest.get()
        if isinstance(reading, Unreadable):
            return self._unreadable(request, visit.place, reading)
        return Response(metrics(reading), media_type=METRICS)

    async def _confirm(self, request: Request, visit: Visit) -> Response:
        place = visit.place
        if not place.acts:
            return _error(request, place, 403, self._why_not(visit.visitor))
        try:
            fields = await asked_for(request) if request.method == "POST" else dict(request.query_params)
            name, verb = verb_of(fields)
            if name not in place.may:
                return _error(request, place, 403, self._why_not(visit.visitor, name))
            there = await read(refused(known(self._source, name, fields)))
        except (BadAct, ConfigurationError) as error:
            return _error(request, place, 400, str(error))
        if isinstance(there, Unreadable):
            return self._unreadable(request, place, there)
        if not verb.asks:
            return _error(request, place, 400, f"do={name!r} asks nothing before: POST it to stats/act")
        return HTMLResponse(confirm_page(name, verb, {**there, **fields}, place))

    async def _act(self, request: Request, visit: Visit) -> Response:
        place = visit.place
        if not place.acts:
            return _error(request, place, 403, self._why_not(visit.visitor))
        if why := why_not_same_origin(request):
            return _error(request, place, 403, f"Nothing was done: {why}.")
        try:
            fields = await asked_for(request)
            name, _ = verb_of(fields)
            if name not in place.may:
                return _error(request, place, 403, f"Nothing was done: {self._why_not(visit.visitor, name)}")
            done = await read(act(self._source, fields, visit.visitor, visit.redaction, visit.chores))
        except (BadAct, ConfigurationError) as error:
            return _error(request, place, 400, f"Nothing was done: {error}")
        if isinstance(done, Unreadable):
            return self._unreadable(request, place, done)
        self._latest.forget()
        if is_json(request):
            return act_json(done)
        back = way_back(fields, {"did": done.verb, "n": str(done.count), **({"more": "1"} if done.more else {})})
        return Response(status_code=303, headers={"Location": place.up + back})

    def _unreadable(self, request: Request, place: Place, reading: Unreadable) -> Response:
        problems = self._problems()
        if face(request) is Face.HTML:
            return _negotiated(HTMLResponse(unreadable_page(reading, problems, place), 503))
        return _negotiated(unreadable_json(reading, problems))

    async def _health(self, request: Request, place: Place) -> Response:
        """Whether this process does its duty, and not a word more: it is open to everyone. Reads nothing, waits for nothing."""
        problems = self._problems()
        if (ill := frozenset(problems)) != self._told:
            self._told = ill
            told = "; ".join(f"{part}: {why}" for part, why in problems.items())
            logger.warning("health answers %s", f"503: {told}" if ill else "200 again")
        return PlainTextResponse("unavailable\n", 503) if problems else PlainTextResponse("ok\n")

    def _problems(self) -> Mapping[str, str]:
        problems = self._source.problems
        return problems if problems or self._source.started else {"runner": str(NotStarted())}

    def _why_not(self, visitor: Visitor, act: str = "act") -> str:
        """Why this visitor may not."""
        return self._no_acts if visitor.local else f"You may look, and not {act}: the auth= of this app says so."


def _body(view: NumbersView, reading: Snapshot, visit: Visit, *, html: bool) -> bytes:
    return view.html(reading, visit).encode() if html else bytes(answer_json(view.fields(reading, visit)).body)


def _served(asset: Asset) -> Answering:
    async def answer(request: Request, place: Place) -> Response:
        current = request.query_params.get("v") == asset.version
        caching = "public, max-age=31536000, immutable" if current else "no-cache"
        return Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": caching})

    return answer


def _refused(request: Request, place: Place, refused: Refused) -> Response:
    if face(request) is Face.HTML:
        return _negotiated(HTMLResponse(refused_page(refused, place), 403))
    how = f" To let others in than a person at this machine: {MOUNT_LINE}" if refused.closed else ""
    return _negotiated(error_json(403, "forbidden", f"You were not let in: {refused.why}.{how}"))


def _error(request: Request, place: Place, status: int, message: str) -> Response:
    try:
        name = HTTPStatus(status).phrase
    except ValueError:  # an HTTPException may carry any number
        name = f"Status {status}"
    if face(request) is Face.HTML:
        return _negotiated(HTMLResponse(error_page(name, message, place), status))
    return _negotiated(error_json(status, name.lower().replace(" ", "_"), message))


def _tagged(response: Response, tag: str) -> Response:
    response.headers["ETag"] = tag
    return _negotiated(response)


def _negotiated(response: Response) -> Response:
    response.headers["Vary"] = "Accept"
    return response
