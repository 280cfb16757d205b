"""Buttons that act, the page that asks before, and the line that says what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import QueryParams

from asyncjobs.web.acting import VERBS, Fields, Verb
from asyncjobs.web.layout import Place, Section, document, named
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.words import counted

BACK = (
    *Section,
    "stats/job",
    "stats/queue",
    "stats/schedule",
)  # where an act may lead back to, below the mount; nothing else is ever a redirect

_ASKED = {
    "cancel": "Cancel? What waits never begins; what runs is asked to end.",
    "discard": "Remove what has ended, and what is known of it?",
    "cancel-matching": "Cancel all that match? What waits never begins; what runs is asked to end.",
    "discard-matching": "Remove all that match, and what is known of them?",
    "pause": "Pause this queue, in every process and over restarts? What runs goes on; nothing new begins.",
    "pause-task": "Pause this task, in every queue and process and over restarts? What runs goes on; nothing new of it begins.",
    "pause-schedule": "Pause this schedule, in every process and over restarts?",
    "limits": "Change the limits of this queue? What runs beyond them goes on.",
    "edit-schedule": "Change when this schedule fires?",
}
_PRESSED = {"limits": "Change", "edit-schedule": "Change"}  # what the button says once one has been asked
_WHY = ("why", "Why?")
_INPUTS: Mapping[str, Sequence[tuple[str, str]]] = {  # what a question asks for: field, label
    "pause": [_WHY],
    "pause-task": [_WHY],
    "pause-schedule": [_WHY],
    "limits": [
        ("limit", "At once, in each process"), ("global_limit", "At once, in all processes together"),
        ("rate", "Rate, such as 10/s, in all processes together"), ("burst", "Of these at once, after a quiet time"),
        ("max_waiting", "Queued at most"), ("keep", "In every process, and over restarts"),
    ],
    "edit-schedule": [
        ("cron", "Crontab line"), ("tz", "in the time zone"), ("every", "or every so many seconds"),
        ("jitter", "Put off by up to so many seconds"),
    ],
}  # fmt: skip


def button(place: Place, do: str, about: str, *, back: str | None = None, **fields: str) -> Content:
    """What does `do` to these fields at a press, or leads to the page that asks first; nothing for who may not act.

    back: where it leads to, one of BACK; without it, to where it stands. about: what it is done to, for who hears the page.
    """
    if do not in place.may:
        return None
    verb = VERBS[do]
    named_ = {"aria_label": f"{verb.words} {about}"}
    given = {"do": do, **fields, "back": back or place.here}
    if verb.asks:
        ways = [element("input", type="hidden", name=name, value=value) for name, value in given.items()]
        return element(
            "form", ways, element("button", f"{verb.words}…", **named_), method="get", action=place.up + "stats/confirm"
        )
    return _form(place, given, element("button", verb.words, **named_))


def buttons_cell(place: Place, *buttons: Content) -> Content:
    """A cell of them, for who may act."""
    return element("td", element("div", buttons, class_="buttons")) if place.acts else None


def do_head(place: Place) -> tuple[str, ...]:
    """The head of the column with buttons, where there is one."""
    return ("Do",) if place.acts else ()


def confirm_page(do: str, verb: Verb, fields: Fields, place: Place) -> str:
    """Asks before it is done, and how. fields: what it is done to, and what is known of that already."""
    about = [
        element("div", element("dt", field.capitalize()), element("dd", _told(field, value)))
        for field, value in verb.given(fields).items()
    ]
    asked = [element("p", _input(name, label, fields.get(name, ""))) for name, label in _INPUTS.get(do, ())]
    given = {"do": do, **verb.given(fields), "back": fields.get("back", BACK[0])}
    return document(
        place,
        _ASKED[do],
        element("dl", about, class_="facts"),
        _form(
            place,
            given,
            asked,
            element("p", element("button", _PRESSED.get(do, verb.words)), " ", _leave(fields, place), class_="buttons"),
        ),
        button(place, "reset-limits", "the limits", back=given["back"], **verb.given(fields)) if do == "limits" else None,
        title=f"{verb.words}?",
        here=next((one for one in Section if one == _back(fields)[0]), Section.JOBS),
    )


def _input(name: str, label: str, value: str) -> Markup:
    if name == "keep":
        return element("label", element("input", type="checkbox", name=name, value="yes"), f" {label}")
    return element("label", f"{label} ", element("input", name=name, value=value, maxlength=500, autocomplete="off"))


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
        if "more" in query:
            said += " There are more that match: do it again for these."
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
    if path not in BACK:
        return BACK[0], {}
    try:
        pairs = parse_qsl(query, max_num_fields=20) if len(query) < 2_000 else []
    except ValueError:  # more than any page of ours asks for
        pairs = []
    return path, {name: value for name, value in pairs if name not in ("did", "n", "more", "live", "format")}


def _form(place: Place, fields: Mapping[str, str], *inside: Content) -> Markup:
    hidden = [element("input", type="hidden", name=name, value=value) for name, value in fields.items()]
    return element("form", hidden, *inside, method="post", action=place.up + "stats/act")
