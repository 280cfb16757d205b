"""The wall clock is set by a day, forward and back; the process stands still for a while."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.crash.faults.conftest import Serve
from tests.crash.faults.outage import BUSY, LOCKED, is_degraded, is_refused
from tests.crash.faults.server import FaultServer
from tests.crash.faults.tasks import RETRY_IN

DAY = 86_400.0
STEPS = {"forward": DAY, "back": -DAY}
SOON = 5.0  # seconds: a beat has to see the step
STOPPED = 3.0  # seconds


def started_at(server: FaultServer, id: str, attempt: int = 1) -> float:
    """By the test's own clock, which nobody sets."""
    return next(float(words[3]) for words in server.starts(id) if words[1] == str(attempt))


@pytest.mark.parametrize("seconds", STEPS.values(), ids=STEPS)
def test_a_step_of_a_day_leaves_what_runs_and_what_is_due_alone(serve: Serve, seconds: float) -> None:
    server = serve()
    running = server.begin("hold_one")
    due = server.put("work_one")
    overruns = server.begin("overruns")
    with server.visited():
        server.do("step_clock", seconds=seconds)
        new = server.put("work")
        server.wait_until(lambda: server.starts(new), within=SOON)
        timed_out = server.ended(overruns)
        server.release()
        server.wait_until(lambda: server.starts(due), within=SOON)
    assert timed_out["error"][0] == "JobTimeout"
    assert server.ended(running)["outcomes"] == ["succeeded"], "it was rescued from a living process"
    assert server.health() == 200
    server.acknowledged.remove(overruns)
    server.lost_nothing()
    assert {len(server.starts(id)) for id in server.acknowledged} == {1}


def test_a_timeout_is_kept_over_a_step_forward(serve: Serve) -> None:
    server = serve()
    overruns = server.begin("overruns")
    server.do("step_clock", seconds=DAY)
    assert server.job(overruns)["state"] == "running", "it was timed out by the wall clock"
    assert server.ended(overruns)["outcomes"] == ["timed_out"]


def test_a_retry_comes_when_it_was_to_come_over_a_step_back(serve: Serve) -> None:
    server = serve()
    flaky = server.begin("flaky")
    server.wait_until(lambda: server.job(flaky)["outcomes"] == ["failed"])
    server.do("step_clock", seconds=-DAY)
    server.wait_until(lambda: len(server.starts(flaky)) == 2, within=RETRY_IN + SOON)
    waited = started_at(server, flaky, 2) - started_at(server, flaky)
    assert waited > RETRY_IN - 0.1, "the step has made it due at once"
    server.lost_nothing()


def test_what_waits_for_later_is_due_when_the_clock_says_so(serve: Serve) -> None:
    """Set for a time of the wall clock, it keeps that time: a step forward brings it, a step back and forth changes nothing."""
    server = serve()
    hour, day = server.put("work", delay=3600), server.put("work", delay=DAY + 3600)
    server.do("step_clock", seconds=-DAY)
    assert server.ended(server.put("work"))["state"] == "succeeded"
    server.do("step_clock", seconds=DAY)
    assert server.ended(server.put("work"))["state"] == "succeeded"
    assert not server.starts(hour)
    server.do("step_clock", seconds=DAY)
    server.wait_until(lambda: server.starts(hour), within=SOON)
    assert not server.starts(day)
    assert server.health() == 200


def test_a_step_back_while_the_process_is_down(build: Serve) -> None:
    """Due at once, retrying, interrupted: all were due before, or soon, and none may wait a day."""
    server = build(env={"FAULTS_SHUTDOWN": "1"}).start()
    flaky = server.begin("flaky")
    server.wait_until(lambda: server.job(flaky)["outcomes"] == ["failed"])
    interrupted = server.begin("hold_one")
    due = server.put("work_one")
    server.terminate()
    server.env["FAULTS_CLOCK"] = str(-DAY)
    goes_on(server.start(), interrupted, due)
    server.wait_until(lambda: len(server.starts(flaky)) == 2, within=RETRY_IN + SOON)
    server.is_well()
    server.lost_nothing()


def test_a_crash_and_a_step_back_before_the_next_start(build: Serve) -> None:
    """What the dead process ran is taken over, and what it left due is run."""
    server = build().start()
    running = server.begin("hold_one")
    due = server.put("work_one")
    server.kill()
    server.env["FAULTS_CLOCK"] = str(-DAY)
    goes_on(server.start(), running, due)
    server.lost_nothing()


def goes_on(server: FaultServer, running: str, due: str) -> None:
    """What ran when the process ended begins again soon, and after it what was due."""
    server.wait_until(lambda: len(server.starts(running)) == 2, within=SOON)
    server.release()
    server.wait_until(lambda: server.starts(due), within=SOON)


def test_a_stopped_process_keeps_its_jobs_and_goes_on_with_them(serve: Serve) -> None:
    """SIGSTOP is what suspend is to a process: a sibling that goes on must not take it for dead."""
    stopped = serve(name="stopped")
    running = stopped.begin("hold_one")
    sibling = serve(name="sibling")
    assert stopped.process is not None
    stopped.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, stopped.process.pid, os.WSTOPPED | os.WNOWAIT)
    with sibling.visited():
        meanwhile = sibling.put("work")
        sibling.wait_until(lambda: sibling.starts(meanwhile), within=SOON)
        threading.Event().wait(STOPPED)  # the fault itself
    stopped.process.send_signal(signal.SIGCONT)
    stopped.release()
    for server in (stopped, sibling):
        server.is_well()
        server.lost_nothing()
    assert len(sibling.starts(running)) == 1, "a job of a living process was taken over"
    assert not sibling.says("is gone; it runs again")


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL])
def test_a_process_that_stands_still_with_the_lock_is_waited_for(serve: Serve, end: signal.Signals) -> None:
    """For longer than the busy timeout: its siblings' callers are told, and all goes on as soon as it does, or is gone."""
    stopped = serve(name="stopped")
    running = stopped.begin("hold")
    sibling = serve(name="sibling", constants=BUSY)
    assert stopped.process is not None
    stopped.do("stop_with_the_lock")
    os.waitid(os.P_PID, stopped.process.pid, os.WSTOPPED | os.WNOWAIT)
    with sibling.visited():
        is_refused(sibling, {"StoreUnavailable"}, LOCKED)
        is_degraded(sibling, LOCKED)
        assert len(sibling.starts(running)) == 1, "it was taken over from a living process"
    stopped.process.send_signal(end)
    if end is signal.SIGKILL:
        sibling.wait_until(lambda: len(sibling.starts(running)) == 2, within=SOON)
        sibling.release()
        sibling.acknowledged.append(running)
    else:
        stopped.release()
        stopped.is_well()
        stopped.lost_nothing()
    sibling.is_well()
    sibling.lost_nothing()
