"""Buttons that act, the page that asks before, and the line that says what was done."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import QueryParams

from asyncjobs.web.acting import VERBS, Fields, Verb
from asyncjobs.web.layout import Place, Section, document, named
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.words import counted

BACK = ("stats", "stats/jobs", "stats/job")  # where an act may lead back to, below the mount; nothing else is ever a redirect

_ASKED = {
    "cancel": "Cancel? What waits never begins; what runs is asked to end.",
    "discard": "Remove what has ended, and what is known of it?",
    "cancel-matching": "Cancel all that match? What waits never begins; what runs is asked to end.",
    "discard-matching": "Remove all that match, and what is known of them?",
    "pause": "Pause this queue, in every process and over restarts? What runs goes on; nothing new begins.",
    "pause-schedule": "Pause this schedule, in every process and over restarts?",
}


def button(place: Place, do: str, back: str, about: str, **fields: str) -> Content:
    """What does `do` to these fields at a press, or leads to the page that asks first; nothing for who may not act.

    back: where it leads to, one of BACK. about: what it is done to, for who hears the page.
    """
    if not place.acts:
        return None
    verb = VERBS[do]
    named_ = {"aria_label": f"{verb.words} {about}"}
    given = {"do": do, **fields, "back": back}
    if verb.asks:
        ways = [element("input", type="hidden", name=name, value=value) for name, value in given.items()]
        return element(
            "form", ways, element("button", f"{verb.words}…", **named_), method="get", action=place.up + "stats/confirm"
        )
    return _form(place, given, element("button", verb.words, **named_))


def confirm_page(do: str, verb: Verb, fields: Fields, place: Place) -> str:
    """Asks before it is done."""
    about = [
        element("div", element("dt", field.capitalize()), element("dd", _told(field, value)))
        for field, value in verb.given(fields).items()
    ]
    why = (
        element("label", "Why? ", element("input", name="why", maxlength=500, autocomplete="off"))
        if do.startswith("pause")
        else None
    )
    given = {"do": do, **verb.given(fields), "back": fields.get("back", BACK[0])}
    return document(
        place,
        _ASKED[do],
        element("dl", about, class_="facts"),
        _form(
            place,
            given,
            element("p", why) if why else None,
            element("p", element("button", verb.words), " ", _leave(fields, place), class_="buttons"),
        ),
        title=f"{verb.words}?",
        here=Section.JOBS if _back(fields)[0] != BACK[0] else Section.OVERVIEW,
    )


def _told(field: str, value: str) -> Content:
    ids = value.splitlines() if field == "id" else [value]
    return [named(ids[0]), f" and {counted(len(ids) - 1, 'other', 'others')}" if len(ids) > 1 else None]


def done_line(query: QueryParams) -> Markup | None:
    """What was done just before, as the address says it; nothing for an address that says nothing of the kind."""
    verb, number = VERBS.get(query.get("did", "")), query.get("n", "")
    if verb is None or not (number.isascii() and number.isdecimal() and len(number) < 10):
        return None
    done = int(number)
    if not done:
        said = "Nothing was changed: it is gone, or was changed meanwhile."
    elif not {"id", "state"} & set(verb.wants):
        said = f"{verb.words}: {verb.done}."
    else:
        said = f"{counted(done, 'job was', 'jobs were')} {verb.done}."
    return element("p", said, class_="did", role="status")


def way_back(fields: Fields, did: Mapping[str, str]) -> str:
    """Where an act leads back to, below the mount, with what it did."""
    path, asked = _back(fields)
    return f"{path}?{urlencode({**asked, **did}, errors='replace')}"


def _leave(fields: Fields, place: Place) -> Markup:
    path, asked = _back(fields)
    return place.link(path, "Leave it as it is", query=asked)


def _back(fields: Fields) -> tuple[str, dict[str, str]]:
    """The path, which is one of BACK, and its query, without what was said of an act before."""
    path, _, query = fields.get("back", "").partition("?")
    asked = (
        {name: value for name, value in parse_qsl(query, max_num_fields=20) if name not in ("did", "n")}
        if len(query) < 2_000
        else {}
    )
    return (path, asked) if path in BACK else (BACK[0], {})


def _form(place: Place, fields: Mapping[str, str], *inside: Content) -> Markup:
    hidden = [element("input", type="hidden", name=name, value=value) for name, value in fields.items()]
    return element("form", hidden, *inside, method="post", action=place.up + "stats/act")
