"""What was done by hand is kept, newest first, and not for ever."""

from __future__ import annotations

from asyncjobs.store.base import ACTS_KEPT, Act, Store
from tests.store.acts import NOW


async def test_acts_are_known_newest_first_to_every_process(store: Store, other: Store) -> None:
    assert list(await store.acts(5)) == []
    acts = [Act(NOW + n, "ada", "retry", f"job {n}", n) for n in range(3)]
    for act in acts:
        await store.record_act(act)
    assert list(await other.acts(5)) == acts[::-1]
    assert list(await other.acts(1)) == acts[2:]


async def test_acts_keep_hostile_text_unchanged(store: Store) -> None:
    act = Act(NOW, "a\0b\ud800", "<b>", "\u202e'\"\n", 2**53)
    await store.record_act(act)
    assert list(await store.acts(1)) == [act]


async def test_the_oldest_acts_go(store: Store) -> None:
    for n in range(ACTS_KEPT + 5):
        await store.record_act(Act(NOW, "ada", "retry", f"{n}", 1))
    known = await store.acts(ACTS_KEPT + 5)
    assert (len(known), known[0].target, known[-1].target) == (ACTS_KEPT, f"{ACTS_KEPT + 4}", "5")
