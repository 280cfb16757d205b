from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.diagnose import Rule, Severity
from asyncjobs.errors import NotStarted, StoreUnavailable
from asyncjobs.job import NewJob, Progress, State
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.web.app import web_app
from tests.web.fakes import (
    AS_OF,
    FakeSource,
    a_finding,
    a_group,
    a_job,
    a_process,
    a_queue,
    a_schedule,
    a_snapshot,
    durations,
    minutes,
)
from tests.web.html import Page

HTML = {"accept": "text/html"}


async def look(browse: Any, source: FakeSource, path: str = "/stats", *, status: int = 200, **more: Any) -> Page:
    answer = await browse(web_app(source, **more)).get(path, headers=HTML)
    assert answer.status_code == status
    return Page(answer.text)


async def test_the_page_shows_the_numbers_as_people_say_them(browse: Any) -> None:
    mail = a_queue(
        "mail", waiting=10_000, waiting_more=True, running=3, slots=5, scheduled=1234, retrying=7, held=2, latency=184.2,
        enqueued=1_480_000, processed=4321, succeeded=4000, failures=321, failed=9, cancelled=6,
        wait=durations({6: 1000}), run=durations({9: 77}),
    )  # fmt: skip
    page = await look(browse, FakeSource(a_snapshot(mail)))
    numbers = page.by_tag["td"]
    assert numbers[:9] == ["● keeping up", "3 / 5", "10,000+", "3 min 4 s", "1,234", "7", "2", "98 ms", "–"]
    assert numbers[9:15] == ["1,480,000", "4,321", "4,000", "321", "9", "6"]
    assert numbers[15:19] == ["1,000", "75 ms", "98 ms", "100 ms"]
    assert "24 November 2026, 19:20:31 UTC" in page.by_tag["time"]


async def test_the_page_is_sound_for_who_cannot_see_it(browse: Any) -> None:
    page = await look(browse, FakeSource(a_snapshot(a_queue("a"), a_queue("b"))))
    assert dict(page.tags)["html"] == {"lang": "en"}
    assert len(page.by_tag["h1"]) == len(page.by_tag["main"]) == 1
    assert len(page.by_tag["caption"]) == len(page.by_tag["table"])
    assert all(given.get("scope") in ("col", "row") for tag, given in page.tags if tag == "th")
    boxes = [given for _, given in page.tags if given.get("class") == "scroll"]
    assert len(boxes) == len(page.by_tag["table"])
    assert all(given.get("tabindex") == "0" and given.get("aria-label") for given in boxes)
    drawings = [given for tag, given in page.tags if tag == "svg"]
    assert drawings
    for given in drawings:  # told in words, or said by the numbers beside it
        assert (given.get("role") == "img" and given.get("aria-label")) or given["aria-hidden"] == "true"


async def test_a_histogram_is_drawn_told_and_folded_out_in_numbers(browse: Any) -> None:
    queue = a_queue(wait=durations({1: 3, 3: 1, 22: 12}), run=durations())
    page = await look(browse, FakeSource(a_snapshot(queue)))
    (drawing,) = [given for tag, given in page.tags if tag == "svg" and given["class"] == "bars"]
    assert drawing["aria-label"] == "to 2 ms: 3; to 10 ms: 1; over 1 d: 12"
    steps = [row for row in page.by_tag["tr"] if row.startswith(("to ", "over "))]
    assert (steps[0], steps[1], steps[2], steps[-1], len(steps)) == ("to 2 ms3", "to 5 ms0", "to 10 ms1", "over 1 d12", 22)


async def test_the_queues_stand_worst_first_each_with_its_state_in_a_word(browse: Any) -> None:
    queues = (
        a_queue("calm"), a_queue("busy", running=1), a_queue("late", waiting=1, latency=9.0), a_queue("off", pause=Pause(AS_OF)),
        a_queue("mail", waiting=5, latency=3.0), a_queue("gone", slots=0, waiting=1),
    )  # fmt: skip
    findings = [
        a_finding(),
        a_finding(queue="gone", rule=Rule.NO_WORKER, severity=Severity.BAD),
        a_finding(queue=None, rule=Rule.PROBLEM, severity=Severity.BAD),
    ]
    page = await look(browse, FakeSource(a_snapshot(*queues, findings=findings)))
    assert [named for named in page.by_tag["bdi"] if "falling" not in named][:6] == [
        "gone",
        "mail",
        "late",
        "busy",
        "calm",
        "off",
    ]
    states = [cell for cell in page.by_tag["td"] if cell[:1] in {"●", "○", "▲", "✕", "❚"}]
    assert states[:6] == ["✕ nobody works it", "▲ behind", "● keeping up", "● keeping up", "○ idle", "❚❚ paused"]


async def test_what_ended_when_is_drawn_and_stands_in_a_table(browse: Any) -> None:
    mail, web = a_queue("mail", minutes=minutes((3, 1), (0, 0), (5, 0))), a_queue("web", minutes=minutes((2, 0)))
    page = await look(browse, FakeSource(a_snapshot(mail, web)))
    labels = [given["aria-label"] for tag, given in page.tags if tag == "svg" and given["class"] == "chart"]
    assert labels[0] == "10 succeeded and 1 failed; the most in one minute were 7, at 19:20"
    assert "Finished in each minute 10 succeeded · 1 failed" in page.by_tag["h2"]
    assert [row for row in page.by_tag["tr"] if row.startswith("19:")] == ["19:1831", "19:2070"]
    still = await look(browse, FakeSource(a_snapshot(a_queue(wait=durations()))))
    assert still.by_tag["h2"][:2] == ["Finished in each minute ", "Time from due to start "]
    assert still.text.count("None in the last hour.") == 2


async def test_failed_jobs_stand_in_groups_that_lead_to_their_jobs(browse: Any) -> None:
    page = await look(browse, FakeSource(a_snapshot(a_queue(), failures=[a_group(), a_group("send", error="", count=1)])))
    assert "Jobs that failed for good, by error and task" in page.by_tag["caption"]
    assert "stats/jobs?state=failed&task=sync_crm&error=ConnectionError" in page.links()
    rows = [row for row in page.by_tag["tr"] if "sync_crm" in row or "no error" in row]
    assert rows[0].startswith("ConnectionErrorcrm: connection refusedsync_crm28")
    many = [a_group(f"t{n}", count=50) for n in range(12)]
    page = await look(browse, FakeSource(a_snapshot(a_queue(), failures=many)))
    assert "Jobs that failed for good of the last 500, by error and task" in page.by_tag["caption"]
    assert "t10" not in page.by_tag["td"]


async def test_the_longest_running_stand_with_how_far_they_are(browse: Any) -> None:
    runs: dict[str, Any] = {"state": State.RUNNING, "attempt": 1, "name": "transcode"}
    jobs = [
        a_job("a", started_at=AS_OF - 664_000, progress=Progress(62, 100, "frames"), **runs),
        a_job("b", started_at=AS_OF + 5, progress=Progress(1), **runs),
        a_job("c", started_at=AS_OF, **runs),
    ]
    page = await look(browse, FakeSource(a_snapshot(a_queue(), longest=jobs)))
    rows = [row for row in page.by_tag["tr"] if "transcode" in row]
    assert rows == [
        "atranscodemail11 min 4 sattempt 1 of 8 · 62 of 100 frames", "btranscodemail0 msattempt 1 of 8 · 1 ", "ctranscodemail0 msattempt 1 of 8",
    ]  # fmt: skip
    assert "stats/job?id=a" in page.links()


async def test_several_queues_have_a_row_for_all_of_them_and_one_has_not(browse: Any) -> None:
    one = await look(browse, FakeSource(a_snapshot(a_queue("a"))))
    two = await look(browse, FakeSource(a_snapshot(a_queue("a"), a_queue("b"))))
    assert "All queues" not in one.text
    assert two.text.count("All queues") == 4


async def test_a_paused_queue_and_one_that_nobody_works_are_marked_in_words(browse: Any) -> None:
    page = await look(
        browse, FakeSource(a_snapshot(a_queue("crm", pause=Pause(AS_OF, "ada", "a holiday")), a_queue("old", slots=0)))
    )
    assert "crm❚❚ paused since 24 Nov 2026, 19:20:31 by ada: a holiday" in page.by_tag["th"]
    assert "old▲ no process works it" in page.by_tag["th"]


async def test_before_the_first_job_the_page_says_so(browse: Any) -> None:
    nothing = await look(browse, FakeSource(a_snapshot()))
    idle = await look(browse, FakeSource(a_snapshot(a_queue("mail", enqueued=0, slots=3))))
    assert "No queue has had a job yet" in nothing.text
    assert "No queue has had a job yet" in idle.text
    assert "0 / 3" in idle.by_tag["td"]
    assert "○ idle" in idle.by_tag["td"]


async def test_what_is_wrong_is_said_first_and_in_the_title(browse: Any) -> None:
    findings = [a_finding("store: the disk is full", severity=Severity.BAD), a_finding("mail needs about 7 slots, and has 5.")]
    page = await look(browse, FakeSource(a_snapshot(a_queue(), findings=findings)))
    assert page.title == "(2) Background jobs"
    assert page.by_tag["li"] == ["✕ store: the disk is full", "▲ mail needs about 7 slots, and has 5."]
    assert page.text.index("✕ 2 things need attention") < page.text.index("Finished in each minute")
    assert "keeping up" not in page.text


async def test_the_box_of_what_is_wrong_has_the_look_of_the_worst(browse: Any) -> None:
    for severity, shape in ((Severity.WARN, "▲"), (Severity.BAD, "✕")):
        page = await look(browse, FakeSource(a_snapshot(findings=[a_finding(), a_finding(severity=severity)])))
        assert f"{shape} 2 things need attention" in page.by_tag["h2"]
        assert {"class": f"box {severity}"} in [given for tag, given in page.tags if tag == "section"]
    one = await look(browse, FakeSource(a_snapshot(findings=[a_finding()])))
    assert "▲ 1 thing needs attention" in one.by_tag["h2"]


async def test_while_all_is_well_the_page_says_so_and_by_what_it_tells(browse: Any) -> None:
    page = await look(browse, FakeSource())
    assert (
        "● Everything is keeping up. 1 attempt ended in the last hour; 99 % started within 1 ms of their time."
        in page.by_tag["p"]
    )
    quiet = await look(browse, FakeSource(a_snapshot(a_queue(wait=durations(), run=durations()))))
    assert "● Everything is keeping up." in quiet.by_tag["p"]
    assert [page.title] == page.by_tag["h1"] == ["Background jobs"]


async def test_where_nobody_works_nothing_is_said_to_keep_up(browse: Any) -> None:
    for processes in [], [a_process(alive=False)], [a_process(slots={})]:
        queue = a_queue(wait=durations(), run=durations(), slots=0, running=1)
        page = await look(browse, FakeSource(a_snapshot(queue, processes=processes)))
        assert "○ not worked" in page.by_tag["td"]
        assert "○ Nothing waits, and no process works a queue now." in page.by_tag["p"]
        assert "keeping up" not in page.text


async def test_how_many_processes_there_are_leads_to_their_page(browse: Any) -> None:
    gone = a_process(pid=99, this=False, alive=False)
    page = await look(browse, FakeSource(a_snapshot(a_queue(), processes=(a_process(), gone))))
    assert "1 process works this store; 1 gone, whose jobs are taken over" in page.by_tag["a"]
    assert (
        "2 processes work this store"
        in (await look(browse, FakeSource(a_snapshot(processes=(a_process(), a_process()))))).by_tag["a"]
    )


async def test_where_no_process_lives_the_jobs_of_dead_ones_go_on_with_the_next(browse: Any) -> None:
    source = FakeSource(a_snapshot(a_queue(), processes=(a_process(alive=False),)))
    page = await look(browse, source)
    assert "0 processes work this store; 1 gone, whose jobs go on when the app starts again" in page.by_tag["a"]
    assert "✕ gone; its jobs go on when the app starts again" in (await look(browse, source, "/stats/processes")).by_tag["td"]


async def test_a_page_that_stands_alone_says_of_which_file_it_is_and_that_it_knows_no_code(browse: Any) -> None:
    source = FakeSource(a_snapshot(a_queue("mail", configured=False), file="/srv/<jobs>.db"))
    page = await look(browse, source)
    [banner] = [text for text in page.by_tag["p"] if "/srv/<jobs>.db" in text]
    assert banner.endswith("this page's own process works no queue, and knows no code. Nothing can be changed here.")
    assert "without a login" not in page.text
    assert "What is done here, its processes find" in (await look(browse, source, auth=lambda request: "act")).text


async def test_of_a_queue_that_the_code_does_not_have_no_limits_are_told_or_changed(browse: Any) -> None:
    def source(configured: bool) -> FakeSource:
        return FakeSource(a_snapshot(a_queue("mail", configured=configured)))

    def buttons(page: Page) -> list[str | None]:
        return [given.get("aria-label") for tag, given in page.tags if tag == "button"]

    path, auth = "/stats/queue?name=mail", lambda request: "act"
    page = await look(browse, source(False), path, auth=auth)
    assert "not known here: the code of this page's process has no such queue" in page.by_tag["dd"]
    assert "any number" not in page.by_tag["dd"]
    assert buttons(page) == ["Pause queue mail"]
    page = await look(browse, source(True), path, auth=auth)
    assert "any number" in page.by_tag["dd"]
    assert buttons(page) == ["Limits queue mail", "Pause queue mail"]


async def test_limits_over_all_processes_are_shown(browse: Any) -> None:
    queue = a_queue("mail", limits=Limits(3, Rate.of("100/min")), max_waiting=500)
    page = await look(browse, FakeSource(a_snapshot(queue)))
    assert "mail3 at once100/min500 queued at most" in page.by_tag["th"]


async def test_the_schedules_that_fire_next_are_named(browse: Any) -> None:
    coming = [a_schedule(f"s{number}", next_at=AS_OF + 60_000 - number) for number in range(6)]
    page = await look(
        browse,
        FakeSource(
            a_snapshot(a_queue(), schedules=(*coming, a_schedule("never", next_at=None), a_schedule("off", paused=Pause(AS_OF))))
        ),
    )
    rows = [row for row in page.by_tag["tr"] if "At 09:00" in row]
    assert [row[:2] for row in rows] == ["s5", "s4", "s3", "s2", "s1"]
    assert rows[0] == "s524 Nov 2026, 19:21:31At 09:00 on Monday through Friday, by the clock of Europe/Berlinnot yet"
    assert "stats/schedules" in page.links()
    assert "Next to fire" not in (await look(browse, FakeSource())).text


async def test_a_schedule_that_is_gone_from_the_code_is_not_called_late(browse: Any) -> None:
    snapshot = a_snapshot(a_queue(), schedules=(a_schedule(next_at=AS_OF - 99_000),), undeclared=frozenset({"nightly"}))
    page = await look(browse, FakeSource(snapshot))
    assert "nightlynot in this process's code: does not fire here" in page.by_tag["th"]


async def test_the_page_loads_itself_only_when_asked_to(browse: Any) -> None:
    still = await look(browse, FakeSource())
    live = await look(browse, FakeSource(), "/stats?live=1")
    refresh = ("meta", {"http-equiv": "refresh", "content": "5"})
    assert refresh not in still.tags
    assert refresh in live.tags
    assert "stats?live=1" in still.links()
    assert "stats" in live.links()


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "\u202egnp.exe", "a\0b", "\ud800", "&lt;"]
)
async def test_hostile_names_and_reasons_change_no_tag(browse: Any, hostile: str) -> None:
    def source(text: str) -> FakeSource:
        process = a_process(host=text, version=text, slots={text: 1}, busy={text: 1})
        queues = (a_queue(text, pause=Pause(AS_OF, text, text), slots=0, latency=9.0), a_queue("b"))
        schedule = a_schedule(text, paused=Pause(AS_OF, text, text), job=NewJob("", text, text, 0))
        return FakeSource(
            a_snapshot(
                *queues,
                processes=(process,),
                problems={text: text},
                version=text,
                schedules=(schedule,),
                paused_tasks={text: Pause(AS_OF, text, text)},
                findings=[a_finding(text)],
                failures=[a_group(text, text, message=text)],
                longest=[a_job(text, name=text, queue=text, started_at=0, progress=Progress(1, 2, text))],
            )
        )

    auth = [lambda request, name=name: ("read", name) for name in ("harmless", hostile)]
    benign, attacked = await look(browse, source("harmless"), auth=auth[0]), await look(browse, source(hostile), auth=auth[1])
    assert attacked.shape == benign.shape
    assert [set(given) for _, given in attacked.tags] == [set(given) for _, given in benign.tags]
    assert "harmless" in benign.text
    assert not {"\0", "\u202e", "\ud800"} & set(attacked.text)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "\u202e\0"])
async def test_a_hostile_reason_without_numbers_changes_no_tag(browse: Any, hostile: str) -> None:
    pages = [await look(browse, FakeSource(StoreUnavailable(reason)), status=503) for reason in ("busy", hostile)]
    assert pages[0].shape == pages[1].shape


async def test_not_started_is_a_page_that_says_how_to_start(browse: Any) -> None:
    page = await look(browse, FakeSource(started=False), status=503)
    assert page.text.count(str(NotStarted())) == 1


async def test_an_unavailable_store_is_a_page_with_the_reason_and_the_problems(browse: Any) -> None:
    source = FakeSource(StoreUnavailable("another process holds jobs.db"))
    source.problems = {"outcomes": "3 outcomes are not on disk yet"}
    page = await look(browse, source, status=503)
    assert "another process holds jobs.db" in page.text
    assert "Nothing was acknowledged" not in page.text  # said to who enqueues
    assert "3 outcomes are not on disk yet" in page.text


async def test_the_page_has_no_inline_script_or_style_and_nothing_of_others(browse: Any) -> None:
    page = await look(browse, FakeSource(a_snapshot(a_queue("a"), a_queue("b", held=1))))
    assert not {"style", "iframe", "img", "form"} & set(page.shape)
    assert [set(given) for tag, given in page.tags if tag == "script"] == [{"src", "defer"}]
    assert not [key for _, given in page.tags for key in given if key == "style" or key.startswith("on")]
    assert not [link for link in page.links() if ":" in link or link.startswith("/")]
