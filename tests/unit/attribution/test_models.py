"""Shares of a deal: expected values on hand-made paths, and that not one fen is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.attribution.models import Model, Rules, Share, Touch, allocate, attribute, path_of
from hub.attribution.restate import Restatement, by_cell, restate

DAY = 86_400
DEAL = 1_000 * DAY
LIVE = Touch("live", DEAL - 30 * DAY, "live", "douyin", "douyin_live_202602_q4", "c1")
SEARCH = Touch("search", DEAL - 12 * DAY, "search", "baidu", "bd_sem_202602")
REFERRAL = Touch("referral", DEAL - DAY, "referral", "referral")
ORDER_FEN = 3_200_000


def split(shares: list[Share]) -> dict[str, int]:
    return {share.touch.id if share.touch else "": share.fen for share in shares}


def test_an_order_of_32_000_yuan_is_split_among_live_show_search_and_referral() -> None:
    shares = attribute([REFERRAL, LIVE, SEARCH], ORDER_FEN, DEAL, Model.POSITION)

    assert split(shares) == {"live": 1_344_000, "search": 1_056_000, "referral": 800_000}
    assert [(share.parts, share.whole) for share in shares] == [(42, 100), (33, 100), (25, 100)]
    assert [share.why for share in shares] == [("first",), ("decision",), ("last",)]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Model.FIRST, {"live": 3_200_000}),
        (Model.LAST, {"referral": 3_200_000}),
        (Model.LINEAR, {"live": 1_066_667, "search": 1_066_667, "referral": 1_066_666}),
    ],
)
def test_the_same_order_by_the_other_models(model: Model, expected: dict[str, int]) -> None:
    assert split(attribute([LIVE, SEARCH, REFERRAL], ORDER_FEN, DEAL, model)) == expected


def test_a_single_touch_holds_first_and_last_and_gets_all() -> None:
    [share] = attribute([LIVE], 999, DEAL, Model.POSITION)

    assert (share.fen, share.why) == (999, ("first", "last"))


def test_a_path_of_two_has_no_key_decision_and_its_part_goes_to_both_in_proportion() -> None:
    assert split(attribute([LIVE, REFERRAL], 6_700, DEAL, Model.POSITION)) == {
        "live": 4_200,
        "referral": 2_500,
    }


def test_touches_between_share_what_is_theirs() -> None:
    inner = [Touch(f"chat{n}", DEAL - (20 - n) * DAY, "chat") for n in range(2)]
    rules = Rules(first=40, decision=20, last=20, others=20)

    found = split(attribute([LIVE, *inner, SEARCH, REFERRAL], 1_000, DEAL, Model.POSITION, rules))

    assert found == {"live": 400, "chat0": 100, "chat1": 100, "search": 200, "referral": 200}


def test_of_several_decisions_the_latest_is_the_key_one() -> None:
    early = Touch("early", DEAL - 20 * DAY, "search")

    assert "early" not in split(
        attribute([LIVE, early, SEARCH, REFERRAL], 100, DEAL, Model.POSITION)
    )


def test_a_deal_that_nobody_can_be_given_says_so() -> None:
    [share] = attribute([], 500, DEAL, Model.POSITION)

    assert (share.touch, share.fen, share.why) == (None, 500, ("no_touch",))


def test_touches_after_the_deal_or_long_before_it_do_not_count() -> None:
    late = Touch("late", DEAL + 1)
    old = Touch("old", DEAL - 400 * DAY)

    assert path_of([late, old, LIVE], DEAL, Rules()) == [LIVE]


def test_parts_that_are_negative_or_nobodys_are_refused() -> None:
    with pytest.raises(ValueError, match="parts"):
        Rules(first=-1)
    with pytest.raises(ValueError, match="parts"):
        Rules(first=0, decision=0, last=0, others=100)


def test_a_refund_restates_every_cell_that_had_a_share() -> None:
    before = by_cell(attribute([LIVE, SEARCH, REFERRAL], ORDER_FEN, DEAL, Model.POSITION))
    after = by_cell(attribute([LIVE, SEARCH, REFERRAL], 0, DEAL, Model.POSITION))

    changes = restate(before, after)

    assert sum(change.difference_fen for change in changes) == -ORDER_FEN
    assert restate(before, before) == []


def test_a_split_of_the_contact_moves_the_share_of_the_touch_that_left() -> None:
    before = by_cell(attribute([LIVE, SEARCH, REFERRAL], 10_000, DEAL, Model.POSITION))
    after = by_cell(attribute([SEARCH, REFERRAL], 10_000, DEAL, Model.POSITION))

    live = ("douyin", "douyin_live_202602_q4", "c1")
    assert Restatement(live, 4_200, 0) in restate(before, after)
    assert sum(change.difference_fen for change in restate(before, after)) == 0


touches = st.lists(
    st.builds(
        Touch,
        id=st.integers(0, 50).map(str),
        at=st.integers(DEAL - 500 * DAY, DEAL + 50 * DAY),
        kind=st.sampled_from(["lead", "live", "search", "visit", "call", "referral"]),
    ),
    max_size=12,
)
rules = st.tuples(*[st.integers(0, 100)] * 4).filter(lambda p: any(p[:3])).map(lambda p: Rules(*p))


@given(touches, st.integers(-(10**15), 10**15), st.sampled_from(list(Model)), rules)
def test_the_shares_of_a_deal_are_its_value_exactly(
    path: list[Touch], value: int, model: Model, parts: Rules
) -> None:
    shares = attribute(path, value, DEAL, model, parts)

    assert sum(share.fen for share in shares) == value
    assert all(share.fen * (1 if value >= 0 else -1) >= 0 for share in shares)


@given(touches, st.integers(0, 10**9), st.sampled_from(list(Model)), st.randoms())
def test_the_order_in_which_touches_are_told_does_not_matter(
    path: list[Touch], value: int, model: Model, random: object
) -> None:
    unique = list({touch.id: touch for touch in path}.values())
    shuffled = sorted(unique, key=lambda touch: hash((touch.id, id(random))))

    assert attribute(unique, value, DEAL, model) == attribute(shuffled, value, DEAL, model)


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_no_part_is_further_than_a_fen_from_its_exact_share(
    total: int, weights: list[int]
) -> None:
    if not any(weights):
        with pytest.raises(ValueError, match="weights"):
            allocate(total, weights)
        return
    whole = sum(weights)

    parts = allocate(total, weights)

    assert sum(parts) == total
    assert all(
        abs(part * whole - total * weight) < whole
        for part, weight in zip(parts, weights, strict=True)
    )
