"""Moves: a field is followed when name, form or values say so, and never on a hunch."""

from __future__ import annotations

import itertools

import pytest

from hub.drift.moves import FieldFacts, find_moves, match_fields

PHONE = {"string:phone": 40}
WORDS = {"string:cjk:1-4": 40}


def facts(pointer: str, classes: dict[str, int] | None = None, label: str = "") -> FieldFacts:
    return FieldFacts(pointer, label, classes if classes is not None else PHONE)


def test_the_phone_is_followed_on_its_whole_way() -> None:
    way = ["/phone", "/telephone", "/contact/phone", "/contacts/0/phone"]

    for old, new in itertools.pairwise(way):
        [move] = find_moves([facts(old)], [facts(new)])
        assert (move.source, move.target) == (old, new)
        assert move.score >= 0.9
        assert move.reasons


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/手机号", "/联系方式"),
        ("/电话", "/mobile"),
        ("/用户抖音号", "/dy_id"),
        ("/姓名", "/customerName"),
        ("/wechat", "/微信号"),
        ("/create_time", "/submit_time"),
        ("/备注", "/remark"),
        ("/city", "/城市"),
        ("/store/store_name", "/shop/storeName"),
    ],
)
def test_names_in_both_languages_mean_one_field(old: str, new: str) -> None:
    assert [m.target for m in find_moves([facts(old, {})], [facts(new, {})])] == [new]


def test_a_label_speaks_where_the_name_does_not() -> None:
    [move] = find_moves([facts("/f1", WORDS, "意向课程")], [facts("/q_7", WORDS, "意向课程")])

    assert move.reasons[0] == "both are labelled 意向课程"


@pytest.mark.parametrize(
    ("old", "new", "classes"),
    [
        ("/telephone", "/fan_level", {"integer:1": 40}),
        ("/name", "/author_id", {"string:digits:13-40": 40}),
        ("/clue_id", "/campaign_id", {"string:digits:19": 40}),
        ("/city", "/device_type", {"string:latin:1-4": 40}),
        ("/phone", "/wechat", PHONE),
    ],
)
def test_another_field_is_no_move(old: str, new: str, classes: dict[str, int]) -> None:
    assert find_moves([facts(old)], [facts(new, classes)]) == []


def test_a_name_alone_does_not_make_a_date_a_phone() -> None:
    assert find_moves([facts("/phone")], [facts("/tel", {"string:date-time": 40})]) == []


def test_two_candidates_are_ambiguous() -> None:
    found = match_fields([facts("/phone")], [facts("/tel"), facts("/mobile")])

    assert found.certain == ()
    assert [[m.target for m in group] for group in found.ambiguous] == [["/mobile", "/tel"]]


def test_two_missing_ones_and_one_candidate_are_ambiguous() -> None:
    found = match_fields([facts("/phone"), facts("/mobile")], [facts("/tel")])

    assert found.certain == ()
    assert [group[0].source for group in found.ambiguous] == ["/mobile", "/phone"]


def test_looks_alone_are_a_question() -> None:
    found = match_fields([facts("/telephone")], [facts("/x1")])

    assert found.certain == ()
    assert [m.target for m in found.ambiguous[0]] == ["/x1"]


def test_shared_values_decide_where_names_do_not() -> None:
    seen = frozenset(f"digest{n}" for n in range(20))
    old = FieldFacts("/f1", "", WORDS, digests=seen)
    new = FieldFacts("/zz", "", WORDS, digests=seen | {"other"})

    [move] = find_moves([old], [new])

    assert "100% of the values are the same" in move.reasons


def test_several_moves_are_one_to_one() -> None:
    missing = [facts("/phone"), facts("/name", WORDS), facts("/city", WORDS)]
    added = [facts("/城市", WORDS), facts("/姓名", WORDS), facts("/telephone")]

    found = {m.source: m.target for m in find_moves(missing, added)}

    assert found == {"/phone": "/telephone", "/name": "/姓名", "/city": "/城市"}


def test_the_order_says_nothing() -> None:
    missing = [facts("/phone"), facts("/name", WORDS), facts("/x")]
    added = [facts("/tel"), facts("/姓名", WORDS), facts("/mobile"), facts("/y")]
    first = match_fields(missing, added)

    for one, other in itertools.product(
        itertools.permutations(missing), itertools.permutations(added)
    ):
        assert match_fields(one, other) == first


def test_nothing_missing_is_no_move() -> None:
    assert find_moves([], [facts("/tel")]) == []
    assert find_moves([facts("/tel")], []) == []
