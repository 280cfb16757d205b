"""The same kills for those that need nothing extra: who loses and who doesn't, so that the table in the README has both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.server import Ledger
from tests.crash.survives import campaign
from tests.crash.survives.campaign import Plan, moments_of
from tests.crash.survives.contenders import ASYNCJOBS, BACKGROUND_TASKS, CREATE_TASK, Contender
from tests.crash.survives.judge import Figures, Restart, judge
from tests.crash.survives.table import BEGIN, END, rewrite

SEED = 20261124
BETWEEN = (0.5, 0.7)  # seconds: shorter than what asyncjobs waits after a crash, so nothing is interrupted again and again


@pytest.mark.parametrize("contender", [CREATE_TASK, BACKGROUND_TASKS], ids=lambda one: one.app)
def test_work_in_memory_is_lost_with_its_process_and_never_resumed(contender: Contender, tmp_path: Path) -> None:
    figures = campaign.run(contender, Plan(moments_of(SEED, 2, BETWEEN), quiet=0.5), tmp_path)
    assert figures.acknowledged > 10
    assert figures.lost > 0
    assert figures.begun_twice == 0
    assert set(figures.resumed) == {None}


def test_asyncjobs_loses_nothing_and_resumes_within_two_seconds(tmp_path: Path) -> None:
    figures = campaign.run(ASYNCJOBS, Plan(moments_of(SEED, 2, BETWEEN)), tmp_path)
    assert figures.interrupted > 0, "no kill met any work"
    assert figures.lost == 0
    last = figures.resumed[-1]  # of the first, what was interrupted may have had to wait for the second restart
    assert last is not None
    assert last < 2


S = 1_000_000_000  # ns


def _judged(folder: Path, *lines: str) -> Figures:
    """By a ledger of these lines, `word name seconds`; killed at 10 s, answered again at 11."""
    ledger = Ledger(folder)
    for line in lines:
        word, name, seconds = line.split()
        ledger.write(word, name, round(float(seconds) * S))
    return judge(ledger, [Restart(over_at=10 * S, answered_at=11 * S)])


def test_what_was_acknowledged_and_never_ended_is_lost(tmp_path: Path) -> None:
    figures = _judged(tmp_path, "ack a 9", "start a 9.5", "ack b 9", "start c 9", "ack d 9", "start d 9", "end d 9.5")
    assert (figures.acknowledged, figures.lost, figures.interrupted, figures.resumed) == (3, 2, 1, [None])


def test_resuming_counts_from_the_first_answer_to_the_first_interrupted_work(tmp_path: Path) -> None:
    figures = _judged(
        tmp_path, "ack a 9", "start a 9.5", "ack b 9", "start b 9.6", "ack w 9", "start w 11.1", "start b 11.5", "start a 12"
    )
    assert figures.resumed == [0.5]
    assert figures.begun_twice == 2


def test_what_ended_twice_is_counted(tmp_path: Path) -> None:
    figures = _judged(tmp_path, "ack a 9", "start a 9.5", "end a 9.9", "start a 11.5", "end a 11.7")
    assert (figures.ended_twice, figures.begun_twice, figures.lost) == (1, 1, 0)


def test_the_table_goes_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rewrite(readme, "new")
    assert readme.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="put them where the table belongs"):
        rewrite(readme, "new")
