"""What was done by hand, newest first: the audit trail."""

from __future__ import annotations

from collections.abc import Sequence

from asyncjobs.store.base import Act
from asyncjobs.web.acting import VERBS
from asyncjobs.web.layout import Section, document, moment, named, number_cell, table_of
from asyncjobs.web.markup import element
from asyncjobs.web.present import presented_acts
from asyncjobs.web.source import Source
from asyncjobs.web.view import View, Visit
from asyncjobs.web.words import NOTHING, count

LIMIT = 100


async def _look(source: Source, visit: Visit) -> Sequence[Act]:
    return await source.acts(LIMIT)


def _page(acts: Sequence[Act], visit: Visit) -> str:
    heads = [element("th", head, scope="col") for head in ("When", "Who", "What", "To what")]
    heads += [element("th", "How many", scope="col", class_="number")]
    rows = [
        element(
            "tr",
            element("th", moment(act.at, NOTHING), scope="row"),
            element("td", named(act.who)),
            element("td", VERBS[act.verb].words if act.verb in VERBS else named(act.verb)),
            element("td", named(act.target), class_="said"),
            number_cell(count(act.count)),
        )
        for act in acts
    ]
    shown = table_of(f"The last {LIMIT}, newest first", heads, rows) if rows else element("p", "Nothing yet.", class_="empty")
    return document(visit.place, "Done by hand", shown, here=Section.ACTS, stays_fresh=True)


ACT_LIST = View(_look, _page, lambda acts, visit: presented_acts(acts))
