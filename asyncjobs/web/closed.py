"""The pages for who gets no numbers: there are none, the visitor was refused, the address is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from asyncjobs.version import VERSION
from asyncjobs.web.access import MOUNT_LINE, Refused
from asyncjobs.web.latest import Unreadable
from asyncjobs.web.layout import TITLE, Place, box, code_block, document
from asyncjobs.web.markup import Content, element
from asyncjobs.web.words import counted

_AUTH_EXAMPLE = """\
def auth(request):  # None refuses, "read" shows, ("read", name) says to whom
    return "read" if request.session.get("is_admin") else None

app.mount("/jobs", jobs.web(auth=auth))"""


def unreadable_page(reading: Unreadable, problems: Mapping[str, str], place: Place) -> str:
    """There should be numbers, and there are none now."""
    others = {part: why for part, why in problems.items() if why != reading.reason}
    return document(
        place,
        TITLE,
        box("bad", "▲ There are no numbers now", element("p", reading.reason)),
        _problems(others),
        element("p", place.link("stats", "Try again")),
        title=f"{TITLE} (no numbers)",
        footer=element("p", f"asyncjobs {VERSION}"),
    )


def _problems(problems: Mapping[str, str]) -> Content:
    if not problems:
        return None
    listed = [(element("dt", part), element("dd", why)) for part, why in problems.items()]
    heading = f"▲ {counted(len(problems), 'problem', 'problems')} in this process"
    return box("bad", heading, element("dl", listed, class_="problems"))


def refused_page(refused: Refused, place: Place) -> str:
    """Not for this visitor. Says how the owner of the app can open it; nothing about the jobs."""
    how = (
        element("p", "Without ", element("code", "auth="), " only a person at this machine may look, under a loopback address. "),
        element("p", "To let others in, name who they are:"),
        code_block(MOUNT_LINE),
        element("p", "For example, with Starlette's SessionMiddleware:"),
        code_block(_AUTH_EXAMPLE),
    )
    return document(
        place,
        "Not open to you",
        element("p", f"You were not let in: {refused.why}."),
        how if refused.closed else None,
    )


def error_page(title: str, message: str, place: Place) -> str:
    """Anything else that went wrong with a request."""
    return document(place, title, element("p", message), element("p", place.link("stats", "To the numbers")))
