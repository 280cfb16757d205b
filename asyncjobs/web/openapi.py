"""The OpenAPI document of all JSON that is served here, made of the pages and the acts themselves."""

from __future__ import annotations

from typing import Any

from asyncjobs.version import VERSION
from asyncjobs.web.acting import HOW, MATCHING, VERBS, Verb
from asyncjobs.web.schemas import DONE, ERROR, PAGES, TEXT, Page, Schema, fields, one_of

PATH = "stats/openapi.json"  # below the mount


def openapi(up: str) -> dict[str, Any]:
    """up: leads from the document to the mount, relative, so that it holds behind every proxy."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "asyncjobs",
            "version": VERSION,
            "description": "The pages of a job runner as JSON, and what can be done from them. Answers are HTML for who prefers it; ?format=json decides.",
        },
        "servers": [{"url": up.rstrip("/") or "."}],
        "paths": {
            **{f"/{path}": {"get": _page(page)} for path, page in PAGES.items()},
            "/stats/act": {"post": _act()},
            "/metrics": {
                "get": {
                    "summary": "The numbers for Prometheus",
                    "responses": {"200": _text("The numbers"), **_errors("403", "503")},
                }
            },
            "/health": {
                "get": {
                    "summary": "Whether this process does its duty; open to everyone",
                    "responses": {"200": _text("It does"), "503": _text("It does not")},
                }
            },
        },
        "components": {"schemas": {"Error": ERROR}},
    }


def _page(page: Page) -> dict[str, Any]:
    asked = {"format": one_of(["json"]), **page.asks}
    return {
        "summary": page.about,
        "parameters": [
            {"name": name, "in": "query", "required": name == "format", "schema": schema} for name, schema in asked.items()
        ],
        "responses": {
            "200": {"description": page.about, "content": {"application/json": {"schema": page.json}}},
            "304": {"description": "It is as it was under the ETag that If-None-Match names"},
            **_errors("400", "403", "404", "503"),
        },
    }


def _act() -> dict[str, Any]:
    body = {"oneOf": [_asked(name, verb) for name, verb in VERBS.items()]}
    return {
        "summary": "Do something by hand",
        "description": "For whom auth= lets. From the same origin, or by a program that sends JSON. A form is answered with a redirect to a page, which says what was done.",
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": body} for kind in ("application/json", "application/x-www-form-urlencoded")},
        },
        "responses": {
            "200": {"description": "What was done", "content": {"application/json": {"schema": DONE}}},
            "303": {"description": "To the page that says what was done, for a form", "headers": {"Location": {"schema": TEXT}}},
            **_errors("400", "403", "503"),
        },
    }


def _asked(name: str, verb: Verb) -> Schema:
    """What is sent to have it done."""
    wanted: dict[str, Schema] = {
        "do": {"type": "string", "const": name},
        **{field: {"type": "string", "minLength": 1} for field in verb.wants},
    }
    more = dict.fromkeys((*(MATCHING if verb.takes else ()), *HOW.get(name, ()), "back"), TEXT)
    return {"title": verb.words, "description": f"{verb.words}: {verb.done}", **fields(wanted, also=more)}


def _text(about: str) -> dict[str, Any]:
    return {"description": about, "content": {"text/plain": {"schema": TEXT}}}


def _errors(*statuses: str) -> dict[str, Any]:
    abouts = {
        "400": "It can't be asked or done so", "403": "auth= doesn't let you", "404": "There is none", "503": "There are no numbers now, or the store is away",
    }  # fmt: skip
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": abouts[status], "content": error} for status in statuses}
