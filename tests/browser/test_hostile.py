"""What jobs carry is text, wherever it is shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.site import CALLED, HOSTILE, Site


@pytest.mark.parametrize("path", ["stats", "stats/jobs", "stats/job", "stats/acts", "stats/confirm"])
def test_a_job_called_script_is_text(open: Open, site: Site, path: str) -> None:
    id = CALLED + "1"
    site.do(site.hostile.options(id=id, meta={HOSTILE: HOSTILE}).enqueue(HOSTILE))
    site.do(site.jobs.pause("off", by=HOSTILE, why=HOSTILE))
    site.do(site.jobs.record_act(HOSTILE, "retry", HOSTILE, 1))
    site.until_ended(id)
    query = {"stats/job": {"id": id}, "stats/confirm": {"do": "discard", "id": id}}.get(path, {})
    page = open(site.address(path, query))
    expect(page.get_by_text("<script>window.hacked = 1</script>").first).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == page.locator("head > script[src]").count()
    assert page.locator("img").count() == 0


def test_a_secret_is_not_shown(open: Open, site: Site) -> None:
    id = site.ended("send_email", "ada@example.org", "sk-1234")
    for path in ("stats/jobs", site.address("stats/job", {"id": id})):
        page = open(path)
        expect(page.get_by_text("ada@example.org").first).to_be_visible()
        assert "sk-1234" not in page.content()
