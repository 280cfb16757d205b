"""Every page in every state: read by a machine that knows what people can't, on three widths, in light and dark.

With ASYNCJOBS_LOOKS=folder each is photographed into it, for eyes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.site import Site

SIZES = {"desk": (1280, 900), "zoomed": (640, 450), "phone": (390, 844)}  # zoomed: 1280 at 200 %


def busy(site: Site) -> None:
    """Something of everything."""
    for number in range(40):
        site.ended("send_email", f"{number}@example.org")
    for number in range(6):
        site.ended("sync_crm", number)
    site.ended("send_email_badly", "ada@example.org")
    site.enqueue("transcode", 31)
    site.until_begun(site.enqueue("transcode", 12))
    site.later("late@example.org")
    site.do(site.jobs.pause("off", by="ana", why="vendor outage"))
    for number in range(12):
        site.do(site.off.enqueue(number))
    site.do(site.jobs.pause(task="held", why="a bug"))
    site.do(site.held.enqueue())
    site.do(site.jobs.record_act("ana", "pause", "off", 1))


def failed(site: Site) -> str:
    return site.ended("sync_crm", 1)


def nothing(site: Site) -> None: ...


def of_running(site: Site) -> str:
    id = site.enqueue("transcode", 12)
    site.until_begun(id)
    return site.address("stats/job", {"id": id})


STATES: dict[str, tuple[Callable[[Site], Any], str | Callable[[Site], str]]] = {
    "overview": (busy, "stats?did=pause&n=1"),
    "overview-empty": (nothing, "stats"),
    "overview-read": (busy, "../read/stats"),
    "jobs": (busy, "stats/jobs"),
    "jobs-failed": (busy, "stats/jobs?state=failed"),
    "jobs-none": (nothing, "stats/jobs?task=nobody"),
    "job-failed": (nothing, lambda site: site.address("stats/job", {"id": failed(site)})),
    "job-running": (nothing, of_running),
    "job-queued": (nothing, lambda site: site.address("stats/job", {"id": site.later("ada@example.org")})),
    "job-gone": (nothing, "stats/job?id=gone"),
    "failures": (busy, "stats/failures"),
    "failures-none": (nothing, "stats/failures"),
    "queues": (busy, "stats/queues"),
    "queue": (busy, "stats/queue?name=mail"),
    "queue-paused": (busy, "stats/queue?name=off"),
    "tasks": (busy, "stats/tasks"),
    "schedules": (busy, "stats/schedules"),
    "schedule": (busy, "stats/schedule?name=nightly"),
    "processes": (busy, "stats/processes"),
    "store": (busy, "stats/store"),
    "acts": (busy, "stats/acts"),
    "confirm-limits": (nothing, "stats/confirm?do=limits&queue=mail"),
    "confirm-schedule": (nothing, "stats/confirm?do=edit-schedule&schedule=nightly"),
    "confirm-pause": (nothing, "stats/confirm?do=pause&queue=mail"),
    "runner-down": (nothing, "../down/stats"),
    "store-down": (nothing, "../away/stats"),
    "failing": (nothing, "../failing/stats"),
    "refused": (nothing, "../closed/stats"),
    "nowhere": (nothing, "nowhere"),
}


@pytest.mark.parametrize("state", STATES)
def test_a_page_is_for_everyone(open: Open, site: Site, state: str) -> None:
    prepare, path = STATES[state]
    prepare(site)
    address = path if isinstance(path, str) else path(site)
    page = open(address, lenient=True, bypass_csp=True, reduced_motion="reduce")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            _photograph(page, f"{state}-{size}-{scheme}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{size}: the page scrolls sideways"
            assert page.evaluate("document.getAnimations().length") == 0
            if scheme == "light" or size == "desk":
                assert _broken_rules(page) == [], (scheme, size)


def _broken_rules(page: Page) -> list[str]:
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


def _photograph(page: Page, name: str) -> None:
    if folder := os.environ.get("ASYNCJOBS_LOOKS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
