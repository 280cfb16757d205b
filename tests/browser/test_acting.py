"""Every action of the page, by mouse, by keyboard alone and without script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from asyncjobs import Queue
from asyncjobs.job import State
from asyncjobs.web.acting import VERBS
from tests.browser.conftest import Open
from tests.browser.hands import Hands, Keyboard, Mouse
from tests.browser.site import Site

Way = tuple[Page, Hands]


@pytest.fixture(params=["mouse", "keyboard", "no script"])
def go(request: pytest.FixtureRequest, open: Open) -> Callable[[str], Way]:
    """Opens a page, and gives the hands to use it with."""

    def gone(path: str) -> Way:
        page = open(path, java_script_enabled=request.param != "no script")
        return page, Keyboard(page) if request.param == "keyboard" else Mouse()

    return gone


def said(page: Page, words: str) -> None:
    expect(page.get_by_role("status").filter(has_text=words)).to_be_visible()


def last_act(site: Site) -> tuple[str, str, str, int]:
    act = site.do(site.jobs.acts(1))[0]
    return act.who, act.verb, act.target, act.count


HERE = "somebody at this machine"
Go = Callable[[str], Way]
DONE: dict[str, Callable[[Go, Site], None]] = {}


def does(verb: str) -> Callable[[Callable[[Go, Site], None]], Callable[[Go, Site], None]]:
    def kept(function: Callable[[Go, Site], None]) -> Callable[[Go, Site], None]:
        DONE[verb] = function
        return function

    return kept


def test_every_verb_is_tried() -> None:
    assert DONE.keys() == VERBS.keys()


@pytest.mark.parametrize("verb", VERBS)
def test_an_action(verb: str, go: Go, site: Site) -> None:
    DONE[verb](go, site)


@does("retry")
def _retry(go: Go, site: Site) -> None:
    id = site.ended("sync_crm", 1)
    page, hands = go(site.address("stats/job", {"id": id}))
    hands.press(page.get_by_role("button", name="Retry job"))
    said(page, "1 job was put back.")
    site.until_ended(id)
    assert len(site.job(id).attempts) == 2
    assert last_act(site) == (HERE, "retry", id, 1)


@does("cancel")
def _cancel(go: Go, site: Site) -> None:
    id = site.enqueue("transcode", 1)
    site.until_begun(id)
    page, hands = go(site.address("stats/job", {"id": id}))
    hands.press(page.get_by_role("button", name="Cancel job"))
    hands.press(page.get_by_role("button", name="Cancel", exact=True))
    said(page, "1 job was cancelled, or asked to end.")
    site.until_ended(id)
    assert site.job(id).state is State.CANCELLED


@does("discard")
def _discard(go: Go, site: Site) -> None:
    first, second, other = (site.ended("sync_crm", number) for number in range(3))
    page, hands = go("stats/jobs?state=failed")
    hands.tick(page.get_by_label(f"Select job {first}"))
    hands.tick(page.get_by_label(f"Select job {second}"))
    hands.press(page.get_by_role("button", name="Discard selected"))
    hands.press(page.get_by_role("button", name="Discard", exact=True))
    said(page, "2 jobs were removed.")
    assert [site.do(site.jobs.get(id)) is None for id in (first, second, other)] == [True, True, False]
    expect(page.get_by_label(f"Select job {other}")).to_be_visible()
    expect(page.get_by_label(f"Select job {first}")).to_have_count(0)


@does("retry-matching")
def _retry_group(go: Go, site: Site) -> None:
    ids = [site.ended("sync_crm", number) for number in range(3)]
    page, hands = go("stats")
    hands.press(page.get_by_role("button", name="Retry ConnectionError of sync_crm"))
    said(page, "3 jobs were put back, over a minute.")
    assert all(site.job(id).state is not State.FAILED or len(site.job(id).attempts) == 2 for id in ids)


@does("cancel-matching")
def _cancel_matching(go: Go, site: Site) -> None:
    ids = [site.later(f"{number}@example.org") for number in range(2)]
    page, hands = go("stats/jobs?state=queued&task=send_email")
    hands.press(page.get_by_role("button", name="Cancel all jobs that match"))
    hands.press(page.get_by_role("button", name="Cancel", exact=True))
    said(page, "2 jobs were cancelled, or asked to end.")
    assert {site.job(id).state for id in ids} == {State.CANCELLED}


@does("discard-matching")
def _discard_matching(go: Go, site: Site) -> None:
    id, other = site.ended("sync_crm", 1), site.ended("send_email", "ada@example.org")
    page, hands = go("stats/jobs?state=failed")
    hands.press(page.get_by_role("button", name="Discard all jobs that match"))
    hands.press(page.get_by_role("link", name="Leave it as it is"))
    assert site.job(id)
    hands.press(page.get_by_role("button", name="Discard all jobs that match"))
    hands.press(page.get_by_role("button", name="Discard", exact=True))
    said(page, "1 job was removed.")
    assert site.do(site.jobs.get(id)) is None
    assert site.job(other)


@does("pause")
def _pause(go: Go, site: Site) -> None:
    page, hands = go("stats")
    hands.press(page.get_by_role("button", name="Pause queue mail"))
    hands.write(page.get_by_label("Why?"), "vendor outage")
    hands.press(page.get_by_role("button", name="Pause", exact=True))
    said(page, "Pause: paused.")
    expect(page.get_by_role("row", name="mail").first).to_contain_text("vendor outage")
    assert site.state_of_queue("mail").pause is not None


@does("resume")
def _resume(go: Go, site: Site) -> None:
    site.do(site.jobs.pause("mail"))
    page, hands = go("stats")
    hands.press(page.get_by_role("button", name="Resume queue mail"))
    said(page, "Resume: resumed.")
    assert site.state_of_queue("mail").pause is None


@does("pause-task")
def _pause_task(go: Go, site: Site) -> None:
    page, hands = go("stats/tasks")
    hands.press(page.get_by_role("button", name="Pause task sync_crm"))
    hands.press(page.get_by_role("button", name="Pause", exact=True))
    said(page, "Pause: paused.")
    expect(page.get_by_role("button", name="Resume task sync_crm")).to_be_visible()
    assert "sync_crm" in site.do(site.jobs.stats()).paused_tasks


@does("resume-task")
def _resume_task(go: Go, site: Site) -> None:
    site.do(site.jobs.pause(task="sync_crm"))
    page, hands = go("stats")
    hands.press(page.get_by_role("button", name="Resume task sync_crm"))
    said(page, "Resume: resumed.")
    site.ended("sync_crm", 1)


@does("check")
def _check(go: Go, site: Site) -> None:
    page, hands = go("stats/store")
    hands.press(page.get_by_role("button", name="Check now the file"))
    said(page, "Check now: begun.")
    page.wait_for_timeout(500)
    page.goto(site.url + "stats/store")
    expect(page.get_by_text("It is whole, as of")).to_be_visible()


@does("backup")
def _backup(go: Go, site: Site) -> None:
    site.ended("sync_crm", 1)
    page, hands = go("stats/store")
    expect(page.get_by_text("There is none beside it.")).to_be_visible()
    hands.press(page.get_by_role("button", name="Copy now the file"))
    said(page, "Copy now: begun.")
    page.wait_for_timeout(500)
    page.goto(site.url + "stats/store")
    expect(page.get_by_text("The last one beside it was made")).to_be_visible()
    assert site.file is not None
    assert site.file.with_name("jobs.db.backup").stat().st_size > 0


@does("limits")
def _limits(go: Go, site: Site) -> None:
    page, hands = go("stats")
    hands.press(page.get_by_role("button", name="Limits queue mail"))
    expect(page.get_by_label("At once, in each process")).to_have_value("3")
    hands.write(page.get_by_label("At once, in each process"), "7")
    hands.tick(page.get_by_label("In every process, and over restarts"))
    hands.press(page.get_by_role("button", name="Change"))
    said(page, "Limits: changed.")
    assert site.jobs.limits("mail") == Queue(7, "100/s")


@does("reset-limits")
def _reset_limits(go: Go, site: Site) -> None:
    site.do(site.jobs.set_limits("mail", Queue(7)))
    page, hands = go("stats")
    hands.press(page.get_by_role("button", name="Limits queue mail"))
    hands.press(page.get_by_role("button", name="As configured"))
    said(page, "As configured: as the code has them again.")
    assert site.jobs.limits("mail") == Queue(3, "100/s")


@does("edit-schedule")
def _edit_schedule(go: Go, site: Site) -> None:
    page, hands = go("stats/schedules")
    hands.press(page.get_by_role("button", name="Edit schedule nightly"))
    hands.write(page.get_by_label("Crontab line"), "30 7 * * *")
    hands.press(page.get_by_role("button", name="Change"))
    said(page, "Edit: changed.")
    expect(page.get_by_role("row", name="nightly")).to_contain_text("30 7 * * *")


@does("pause-schedule")
def _pause_schedule(go: Go, site: Site) -> None:
    page, hands = go("stats/schedules")
    hands.press(page.get_by_role("button", name="Pause schedule nightly"))
    hands.press(page.get_by_role("button", name="Pause", exact=True))
    said(page, "Pause: paused.")
    assert site.do(site.jobs.schedules.get("nightly")).paused


@does("resume-schedule")
def _resume_schedule(go: Go, site: Site) -> None:
    site.do(site.jobs.schedules.pause("nightly"))
    page, hands = go("stats/schedules")
    hands.press(page.get_by_role("button", name="Resume schedule nightly"))
    said(page, "Resume: resumed.")
    assert not site.do(site.jobs.schedules.get("nightly")).paused


@does("run-schedule")
def _run_schedule(go: Go, site: Site) -> None:
    page, hands = go("stats/schedules")
    hands.press(page.get_by_role("button", name="Run now schedule nightly"))
    said(page, "Run now: fired.")
    assert [job.queue for job in site.do(site.jobs.list()).jobs] == ["default"]


def test_what_was_refused_is_told(open: Open, site: Site) -> None:
    page = open(site.address("stats/confirm", {"do": "limits", "queue": "mail"}), lenient=True)
    page.get_by_label("At once, in each process").fill("many")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("Nothing was done: limit='many': give a whole number")).to_be_visible()


def test_who_may_only_look_finds_no_button(open: Open, site: Site) -> None:
    site.ended("sync_crm", 1)
    page = open("../read/stats")
    expect(page.get_by_role("row", name="ConnectionError")).to_be_visible()
    assert page.get_by_role("button").count() == 0
