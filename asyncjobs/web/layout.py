"""What every page shares: its frame and its links, tables and boxes, and how names, moments and pauses are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from urllib.parse import urlencode

from asyncjobs.pause import Pause
from asyncjobs.record import record
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.words import NOTHING, date, iso, short_date

TITLE = "Background jobs"
LIVE = 5  # seconds between two loads of a page that was asked to keep itself fresh


class Section(StrEnum):
    """What the pages are about; where each begins, below the mount."""

    OVERVIEW = "stats"
    JOBS = "stats/jobs"
    FAILURES = "stats/failures"
    QUEUES = "stats/queues"
    TASKS = "stats/tasks"
    SCHEDULES = "stats/schedules"
    PROCESSES = "stats/processes"
    STORE = "stats/store"
    ACTS = "stats/acts"


_SECTIONS = {
    Section.OVERVIEW: "Overview", Section.JOBS: "Jobs", Section.FAILURES: "Failures", Section.QUEUES: "Queues", Section.TASKS: "Tasks",
    Section.SCHEDULES: "Schedules", Section.PROCESSES: "Processes", Section.STORE: "Store", Section.ACTS: "Done by hand",
}  # fmt: skip


@record
class Place:
    """Where a page stands. up: leads from it to the mount, relative, so that no proxy can make a link wrong.

    style, script: the stylesheet and the script, below the mount. live: the page was asked to keep itself fresh. may: what who looks may do. did: what was done
    just before, to be said. here: its own address below the mount, where an act leads back to.
    """

    up: str
    style: str
    script: str = ""
    live: bool = False
    may: frozenset[str] = frozenset()
    did: Markup | None = None
    here: str = Section.OVERVIEW

    @property
    def acts(self) -> bool:
        """Whether anything may be done."""
        return bool(self.may)

    def only(self, *acts: str) -> Place:
        """The same, for a part of the page that offers these alone."""
        return replace(self, may=self.may & frozenset(acts))

    def link(self, path: str, *words: Content, query: Mapping[str, str] | None = None) -> Markup:
        asked = "?" + urlencode(query, errors="replace") if query else ""
        return element("a", *words, href=self.up + path + asked)


def document(
    place: Place,
    heading: Content,
    *main: Content,
    title: str | None = None,
    footer: Content = None,
    here: Section | None = None,
    stays_fresh: bool = False,
    still: bool = False,
) -> str:
    """A whole page. here: its section, for who was let in; None shows no way to the others. stays_fresh: by the script, where there is one; still: the script
    is there, and leaves it as it is."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("title", title or heading),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="robots", content="noindex"),
        element("meta", http_equiv="refresh", content=LIVE) if place.live else None,
        element("link", rel="stylesheet", href=place.up + place.style),
        element("script", src=place.up + place.script, defer=True) if stays_fresh and place.script else None,
    )
    body = element(
        "body",
        _ways(place, here) if here is not None else None,
        element("main", place.did, element("h1", heading), main, data_still=still),
        element("footer", footer) if footer else None,
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en").html + "\n"


def _ways(place: Place, here: Section) -> Markup:
    links = [
        element("a", words, href=place.up + section, aria_current="page" if section is here else None)
        for section, words in _SECTIONS.items()
    ]
    return element("nav", links, aria_label="Sections")


def table_of(caption: str, heads: Content, rows: Sequence[Markup], foot: Markup | None = None) -> Markup:
    """A table in a box of its own, which scrolls sideways where the screen is narrow, by keyboard too."""
    table = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", heads)),
        element("tbody", rows),
        element("tfoot", foot) if foot else None,
    )
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def box(kind: str, heading: str, content: Content) -> Markup:
    return element("section", element("h2", heading), content, class_=f"box {kind}")


def code_block(text: str) -> Markup:
    """Lines as they are; they scroll where they are long, by keyboard too."""
    return element("pre", element("code", text), tabindex=0)


def number_cell(words: str, *, warn: bool = False) -> Markup:
    return element("td", words, class_="number warn" if warn else "number")


def named(name: str) -> Markup:
    """A name that others gave: kept apart, so that letters written from the right turn nothing around but themselves."""
    return element("bdi", name)


def moment(at: int | None, never: str) -> Content:
    return never if at is None else element("time", short_date(at), datetime=iso(at), title=date(at))


def paused(pause: Pause) -> Content:
    by = (" by ", named(pause.by)) if pause.by else None
    why = (": ", named(pause.why)) if pause.why else None
    return ("paused since ", moment(pause.since, NOTHING), by, why)
