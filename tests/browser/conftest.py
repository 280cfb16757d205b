"""A real browser on a real server: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from tests.browser.site import Site

ASKED_FOR = ("chromium", "chromium-browser", "google-chrome")
_WATCH = """
window.reports = [];
document.addEventListener("securitypolicyviolation", (event) => window.reports.push(event.violatedDirective + " " + event.blockedURI));
"""

Open = Callable[..., Page]


# Not of the session: while Playwright is open an event loop runs in this thread, in which no test elsewhere could have its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Raises where there is none on CI; elsewhere the tests of the page in a browser are left out, and say so."""
    path = os.environ.get("CHROMIUM") or next((found for name in ASKED_FOR if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium: apt-get install chromium, or name one in CHROMIUM.")
        pytest.skip("there is no Chromium: apt-get install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])  # CI is root, which Chromium refuses
        yield started
        started.close()


@pytest.fixture
def site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "jobs.db") as site:
        yield site


@pytest.fixture
def open(browser: Browser, site: Site) -> Iterator[Open]:
    """Opens an address below the mount in a window of its own.

    At the end no page has loaded anything of another origin, reported a breach of its policy, or thrown.
    """
    contexts: list[BrowserContext] = []
    pages: list[Page] = []
    elsewhere: list[str] = []
    thrown: list[str] = []

    def seen(request: Request) -> None:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != site.origin:
            elsewhere.append(request.url)

    def opened(path: str = "stats", *, lenient: bool = False, **more: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **more})
        context.set_default_timeout(20_000)
        context.add_init_script(_WATCH)
        context.on("request", seen)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        if not lenient:
            page.on("console", lambda line: thrown.append(line.text) if line.type == "error" else None)
        pages.append(page)
        page.goto(site.url + path)
        return page

    yield opened
    reports = [report for page in pages if not page.is_closed() for report in page.evaluate("window.reports || []")]
    for context in contexts:
        context.close()
    assert (elsewhere, reports, thrown) == ([], [], [])
