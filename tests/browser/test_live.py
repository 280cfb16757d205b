"""The page stays fresh by itself, and leaves alone whoever is at it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.site import Site

FRESH = 15_000  # ms in which what has changed must be seen


def test_numbers_move_while_jobs_run_and_nothing_is_loaded_anew(open: Open, site: Site) -> None:
    page = open()
    page.evaluate("window.here = true")
    expect(page.get_by_text("No queue has had a job yet")).to_be_visible()
    site.enqueue("transcode", 7)
    expect(page.get_by_role("row", name="transcode")).to_be_visible(timeout=FRESH)
    running = page.locator(".headline div", has_text="Running").locator(".figure")
    expect(running).to_have_text("1", timeout=FRESH)
    site.open.set()
    expect(running).to_have_text("0", timeout=FRESH)
    expect(page.get_by_role("img", name="1 succeeded and 0 failed; the most")).to_be_visible()
    for number in range(3):
        site.ended("sync_crm", number)
    expect(page.get_by_role("row", name="ConnectionError")).to_be_visible(timeout=FRESH)
    assert page.evaluate("window.here")


def test_what_has_not_changed_is_not_sent_again(open: Open, site: Site) -> None:
    site.ended("sync_crm", 1)
    page = open()
    with page.expect_response(lambda answer: answer.status == 304, timeout=FRESH) as unchanged:
        pass
    assert unchanged.value.url == site.url + "stats"


def test_focus_and_scroll_and_what_is_folded_out_stay(open: Open, site: Site) -> None:
    site.ended("sync_crm", 1)
    page = open()
    page.get_by_text("What the numbers mean").click()
    retry = page.get_by_role("button", name="Retry ConnectionError of sync_crm")
    retry.focus()
    page.evaluate("document.querySelector('main').dataset.stale = ''")
    site.ended("sync_crm", 2)
    expect(page.locator("main[data-stale]")).to_have_count(0, timeout=FRESH)
    expect(retry).to_be_focused()
    expect(page.get_by_text("of so many slots in all living processes")).to_be_visible()


def test_a_list_in_which_something_is_ticked_waits(open: Open, site: Site) -> None:
    first = site.ended("sync_crm", 1)
    page = open("stats/jobs?state=failed")
    page.get_by_label(f"Select job {first}").check()
    second = site.ended("sync_crm", 2)
    with page.expect_response(lambda answer: answer.status == 200, timeout=FRESH):
        pass
    expect(page.get_by_label(f"Select job {first}")).to_be_checked()
    page.get_by_label(f"Select job {first}").uncheck()
    page.evaluate("document.activeElement.blur()")
    expect(page.get_by_label(f"Select job {second}")).to_be_visible(timeout=FRESH)


def test_a_page_that_is_hidden_asks_nothing(open: Open, site: Site) -> None:
    page = open()
    _hide(page, True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site.ended("sync_crm", 1)
    page.wait_for_timeout(5_000)  # time that must pass for nothing to happen in
    assert asked == []
    _hide(page, False)
    expect(page.get_by_role("row", name="ConnectionError")).to_be_visible(timeout=FRESH)


def _hide(page: Page, hidden: bool) -> None:
    page.evaluate(
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_a_server_that_is_gone_is_said_and_its_numbers_stay(open: Open, site: Site) -> None:
    site.ended("sync_crm", 1)
    page = open(lenient=True)
    site.stop()
    expect(page.get_by_text("not updating since")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("row", name="ConnectionError")).to_be_visible()


def test_an_open_page_keeps_no_server_from_stopping(open: Open, site: Site) -> None:
    page = open()
    with page.expect_response(site.url + "stats", timeout=FRESH):
        pass
    site.stop()


def test_all_jobs_of_a_page_are_selected_at_once(open: Open, site: Site) -> None:
    ids = [site.ended("sync_crm", number) for number in range(3)]
    page = open("stats/jobs?state=failed")
    every = page.get_by_label("Select all on this page")
    every.check()
    for id in ids:
        expect(page.get_by_label(f"Select job {id}")).to_be_checked()
    every.uncheck()
    expect(page.locator("[name=id]:checked")).to_have_count(0)
    page.evaluate("document.activeElement.blur()")
    fresh = site.ended("sync_crm", 4)
    expect(page.get_by_label(f"Select job {fresh}")).to_be_visible(timeout=FRESH)
    expect(every).to_be_visible()


def test_a_list_that_was_searched_for_is_left_as_it_is(open: Open, site: Site) -> None:
    first = site.ended("sync_crm", 41)
    page = open("stats/jobs?argument=customer%3D41")
    expect(page.get_by_label(f"Select job {first}")).to_be_visible()
    expect(page.get_by_label("Select all on this page")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5_000)  # time that must pass for nothing to happen in
    assert asked == []
