"""What windows say, and when they say nothing. The labelled suite has the realistic cases; here are the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hub.drift.judge import judge, required_now
from hub.drift.kinds import Kind, Sight
from hub.drift.profile import MOST_POINTERS, Profile, ProfilePlan

Item = dict[str, Any]
CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["phone"],
    "properties": {
        "phone": {"type": ["string", "integer"], "x-pii": "phone"},
        "kind": {"type": "string", "x-pii": "none"},
        "late": {"type": "string", "x-pii": "none", "x-fills-later": True},
        "amount": {"type": "integer", "x-pii": "none"},
        "answers": {"type": ["object", "string"], "x-pii": "text"},
        "store": {"type": "object", "required": ["no"], "properties": {"no": {"type": "integer"}}},
    },
}
CONTAINERS = ("answers",)
PLAN = ProfilePlan(CONTRACT, CONTAINERS)


def an_item(number: int) -> Item:
    return {
        "phone": f"1990000{number % 10_000:04d}",
        "kind": ("线上", "到店")[number % 2],
        "late": "抖音",
        "amount": 1000 + number,
        "answers": {"课程": "钢琴", "预算": "5000"},
        "store": {"no": 7},
    }


def profile_of(count: int, change: Callable[[Item, int], Item] = lambda item, _: item) -> Profile:
    profile = Profile()
    for number in range(count):
        profile.observe(change(an_item(number), number), PLAN)
    return profile


def judged(change: Callable[[Item, int], Item], now: int = 200, before: int = 400) -> list[Sight]:
    return judge(profile_of(before), profile_of(now, change), CONTRACT, CONTAINERS)


def found(change: Callable[[Item, int], Item], now: int = 200) -> list[tuple[Kind, str]]:
    return [(sight.kind, sight.pointer) for sight in judged(change, now)]


def without_phone(item: Item, _: int) -> Item:
    return {**item, "phone": ""}


def masked(item: Item, _: int) -> Item:
    return {**item, "phone": item["phone"][:3] + "****" + item["phone"][-4:]}


@pytest.mark.parametrize(("before", "now"), [(199, 200), (400, 29), (0, 0), (400, 0)])
def test_small_samples_say_nothing(before: int, now: int) -> None:
    assert judged(without_phone, now, before) == []


def test_thirty_of_a_known_source_are_enough_for_what_is_plain() -> None:
    assert found(without_phone, 30) == [(Kind.FIELD_MISSING, "/phone")]
    assert found(masked, 30) == [(Kind.FORMAT_CHANGED, "/phone")]


def test_a_missing_field_says_how_often_it_was_there() -> None:
    (sight,) = judged(without_phone)

    assert sight.detail["required"] is True
    assert sight.detail["expected"] == "filled in 100%"
    assert sight.detail["distributions"] == {"before": {"filled": 1.0}, "after": {"filled": 0.0}}
    assert (sight.detail["n_before"], sight.detail["n_after"]) == (400, 200)


def test_a_field_that_is_filled_later_is_not_missed() -> None:
    assert found(lambda item, _: {**item, "late": ""}) == []


def test_what_is_inside_a_missing_object_is_one_finding_with_it() -> None:
    assert found(lambda item, _: {**item, "answers": {}, "store": None}) == [
        (Kind.FIELD_MISSING, "/answers"),
        (Kind.FIELD_MISSING, "/store"),
    ]


def test_what_is_inside_is_judged_by_the_objects_that_are_there() -> None:
    """Half of the payloads have no store: that says nothing of the stores' numbers."""
    assert found(lambda item, n: {**item, "store": None} if n % 5 < 2 else item) == []
    assert found(lambda item, _: {**item, "store": {"name": "x"}}) == [
        (Kind.FIELD_MISSING, "/store/no")
    ]


def test_a_kind_that_the_contract_allows_is_still_another_kind() -> None:
    (sight,) = judged(lambda item, _: {**item, "phone": int(item["phone"])})

    assert (sight.kind, sight.pointer) == (Kind.TYPE_CHANGED, "/phone")
    assert (sight.detail["expected"], sight.detail["found"]) == ("string", "number")
    assert sight.detail["witness"] == "integer, 11 digits"


def test_a_scale_is_named() -> None:
    (sight,) = judged(lambda item, _: {**item, "amount": item["amount"] * 100})

    assert (sight.kind, sight.pointer, sight.detail["scale"]) == (
        Kind.FORMAT_CHANGED, "/amount", 100.0,
    )  # fmt: skip


def test_ten_times_as_much_is_no_scale() -> None:
    assert found(lambda item, _: {**item, "amount": item["amount"] * 10}) == []


def test_nought_says_nothing_of_the_scale() -> None:
    assert found(lambda item, _: {**item, "amount": 0}) == []


def test_a_meaning_needs_more_payloads_than_a_format() -> None:
    def course_is_budget(item: Item, _: int) -> Item:
        return {**item, "answers": {**item["answers"], "课程": "5000-8000"}}

    assert found(course_is_budget, 90) == []
    (sight,) = judged(course_is_budget)
    assert (sight.kind, sight.pointer) == (Kind.MEANING_SHIFTED, "/answers/课程")
    assert sight.detail["distributions"] == {
        "before": {"string:cjk:1-4": 1.0},
        "after": {"string:money": 1.0},
    }


def test_members_are_shown_where_they_are_nobodys() -> None:
    (sight,) = judged(lambda item, _: {**item, "kind": "110100"})

    assert sight.detail["distributions"]["before"] == {"到店": 0.5, "线上": 0.5}


def test_a_share_that_drifts_says_nothing() -> None:
    assert found(lambda item, n: masked(item, n) if n % 5 == 0 else item) == []
    assert found(lambda item, n: without_phone(item, n) if n % 3 == 0 else item) == []


def test_a_field_that_may_be_counted_among_the_rest_is_not_missed() -> None:
    crowded = Profile()
    for number in range(200):
        names = {f"n{chr(0x4E00 + n)}": 1 for n in range(MOST_POINTERS)}
        crowded.observe({**names, **an_item(number)}, PLAN)

    assert judge(profile_of(400), crowded, CONTRACT, CONTAINERS) == []


def test_a_field_that_came_to_stay_is_required() -> None:
    assert required_now(20, 20)
    assert required_now(995, 1000)
    assert not required_now(19, 19)
    assert not required_now(980, 1000)
