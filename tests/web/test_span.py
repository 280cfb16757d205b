"""How far back the drawings look."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.errors import StoreUnavailable
from asyncjobs.store.base import HistoryBucket, Metric
from asyncjobs.web.app import web_app
from asyncjobs.web.span import SPANS, past
from tests.web.fakes import AS_OF, FakeSource, FakeWatch, a_queue, a_snapshot
from tests.web.html import Page

HTML = {"accept": "text/html"}


def a_bucket(ago: int, step: int, queue: str = "default", succeeded: int = 0, failures: int = 0, **more: Any) -> HistoryBucket:
    """Of the step that was going on `ago` seconds before AS_OF."""
    at = AS_OF - ago * 1000
    counts = {Metric.SUCCEEDED: succeeded, Metric.FAILURES: failures}
    given: dict[str, Any] = {"wait": {}, "run": {}, **more}
    return HistoryBucket(at - at % (step * 1000), queue, "work", counts, **given)


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_a_length_is_so_many_whole_steps_of_which_the_last_is_now(span: Any) -> None:
    seen = past([], span, AS_OF, None)
    assert len(seen.steps) == span.length / span.step
    assert seen.steps[-1].at <= AS_OF < seen.steps[-1].at + span.step * 1000
    assert {later.at - one.at for one, later in zip(seen.steps, seen.steps[1:], strict=False)} == {span.step * 1000}


def test_what_ended_is_added_up_by_step_and_queue() -> None:
    span = SPANS["6h"]
    buckets = [
        a_bucket(0, span.step, succeeded=3, failures=1, wait={3: 4}), a_bucket(0, span.step, "mail", succeeded=5, wait={4: 1}, run={2: 2}),
        a_bucket(span.step, span.step, succeeded=7), a_bucket(span.length, span.step, succeeded=100),
    ]  # fmt: skip
    of_all, of_mail = past(buckets, span, AS_OF, None), past(buckets, span, AS_OF, "mail")
    assert [(one.succeeded, one.failures) for one in of_all.steps[-3:]] == [(0, 0), (7, 0), (8, 1)]
    assert [(one.succeeded, one.failures) for one in of_mail.steps[-2:]] == [(0, 0), (5, 0)]
    assert (dict(of_all.wait.histogram), dict(of_mail.wait.histogram), of_mail.run.count) == ({3: 4, 4: 1}, {4: 1}, 2)


@pytest.mark.parametrize(("path", "ended"), [("/stats?range=6h", 9), ("/stats/queue?name=mail&range=6h", 5)])
async def test_a_longer_time_is_drawn_and_told(browse: Any, path: str, ended: int) -> None:
    source, span = FakeSource(a_snapshot(a_queue(), a_queue("mail"))), SPANS["6h"]
    source.past = [a_bucket(0, span.step, succeeded=3, failures=1), a_bucket(0, span.step, "mail", succeeded=5, run={2: 2})]
    client = browse(web_app(source, clock=FakeWatch()))
    page = Page((await client.get(path, headers=HTML)).text)
    failures = 1 if ended == 9 else 0
    assert f"Finished in each 6 minutes {ended - failures} succeeded · {failures} failed" in page.by_tag["h2"]
    [chart] = [given["aria-label"] for tag, given in page.tags if tag == "svg" and given["class"] == "chart"]
    assert chart is not None
    assert chart.endswith(f"the most in 6 minutes were {ended}, at 19:18")
    data = (await client.get(path)).json()["past"]
    assert (data["range"], data["step"], len(data["steps"])) == ("6h", 360, 60)
    assert data["steps"][-1] == {"at_ms": AS_OF - AS_OF % 360_000, "succeeded": ended - failures, "failures": failures}
    assert source.histories == [(6 * 3600 - 360, 360)]


async def test_the_lengths_and_measures_lead_to_each_other_and_keep_what_else_was_chosen(browse: Any) -> None:
    page = Page((await browse(web_app(FakeSource())).get("/stats/queue?name=default&range=24h&of=run&did=x", headers=HTML)).text)
    chosen = [given for tag, given in page.tags if tag == "a" and given.get("aria-current") == "true"]
    assert [given["href"] for given in chosen] == [
        "../stats/queue?name=default&of=run&range=24h",
        "../stats/queue?name=default&range=24h&of=run",
    ]
    assert {
        "../stats/queue?name=default&of=run",
        "../stats/queue?name=default&of=run&range=7d",
        "../stats/queue?name=default&range=24h",
    } <= set(page.links())
    assert "None in the last 24 hours." in page.by_tag["p"]


async def test_run_times_are_drawn_where_they_are_asked_for(browse: Any) -> None:
    client = browse(web_app(FakeSource()))
    assert any(
        head.startswith("Run time of attempts p50")
        for head in Page((await client.get("/stats?of=run", headers=HTML)).text).by_tag["h2"]
    )
    assert any(
        head.startswith("Time from due") for head in Page((await client.get("/stats?of=nothing", headers=HTML)).text).by_tag["h2"]
    )


async def test_a_longer_time_is_read_once_for_everyone_and_the_page_known_by_it(browse: Any) -> None:
    clock, source = FakeWatch(), FakeSource()
    client = browse(web_app(source, clock=clock))
    first = await client.get("/stats?range=7d", headers=HTML)
    for _ in range(3):
        clock.seconds += 5
        again = await client.get("/stats?range=7d", headers={**HTML, "if-none-match": first.headers["etag"]})
        assert again.status_code == 304
    assert len(source.histories) == 1
    await client.get("/stats", headers=HTML)
    await client.get("/stats?range=nonsense", headers=HTML)
    assert len(source.histories) == 1
    clock.seconds += 20
    source.past = [a_bucket(0, SPANS["7d"].step, succeeded=1)]
    assert (await client.get("/stats?range=7d", headers={**HTML, "if-none-match": first.headers["etag"]})).status_code == 200
    assert len(source.histories) == 2


async def test_a_longer_time_that_can_not_be_read_is_said_in_its_place_alone(browse: Any) -> None:
    source = FakeSource()
    source.past = StoreUnavailable("the read took too long")
    client = browse(web_app(source))
    answer = await client.get("/stats?range=7d", headers=HTML)
    page = Page(answer.text)
    assert answer.status_code == 200
    assert "The last 7 days can't be shown now: the read took too long" in page.by_tag["p"]
    assert "Queues" in page.by_tag["caption"]
    data = (await client.get("/stats?range=7d")).json()
    assert (data["past"], data["past_error"], data["enqueued"]) == (None, "the read took too long", 1)
