"""A channel's room is kept: what is critical goes alone, the rest in one digest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.escalation.folding import fold


def is_critical(word: str) -> bool:
    return word.startswith("c")


def test_in_half_of_the_room_everything_goes_alone_critical_first() -> None:
    assert fold(["w1", "c1", "w2"], 6, is_critical) == (["c1", "w1", "w2"], [])


def test_a_storm_goes_together_the_critical_alone_in_half_of_the_room() -> None:
    assert fold(["w1", "c1", "w2", "w3"], 3, is_critical) == (["c1"], ["w1", "w2", "w3"])
    assert fold(["c1", "c2", "c3", "c4"], 4, is_critical) == (["c1", "c2"], ["c3", "c4"])


def test_one_place_is_kept_for_the_digest() -> None:
    assert fold(["c1", "c2", "c3"], 2, is_critical) == (["c1"], ["c2", "c3"])
    assert fold(["c1", "w1"], 1, is_critical) == ([], ["c1", "w1"])


def test_without_room_nothing_goes() -> None:
    assert fold(["c1"], 0, is_critical) == ([], [])
    assert fold(["c1"], -1, is_critical) == ([], [])


@given(st.lists(st.sampled_from(["c", "w"]), min_size=1, max_size=40), st.integers(2, 20))
def test_one_storm_never_takes_all_the_room(kinds: list[str], room: int) -> None:
    alone, together = fold([f"{k}{n}" for n, k in enumerate(kinds)], room, is_critical)

    assert len(alone) + bool(together) <= max(2, room // 2 + 1)


@given(st.lists(st.sampled_from(["c", "w"]), max_size=40), st.integers(-2, 20))
def test_all_or_none_go_within_the_room(kinds: list[str], room: int) -> None:
    waiting = [f"{kind}{number}" for number, kind in enumerate(kinds)]

    alone, together = fold(waiting, room, is_critical)

    assert len(alone) + bool(together) <= max(room, 0)
    assert len(together) != 1
    assert sorted(alone + together) == (sorted(waiting) if room > 0 else [])
