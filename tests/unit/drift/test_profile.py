"""Profiles add up, stay small, and say nothing of anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.drift.profile import MOST_MEMBERS, MOST_POINTERS, OTHER, REST, Profile, ProfilePlan

CONTRACT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "x-pii": "id"},
        "name": {"type": "string", "x-pii": "name"},
        "city": {"type": "string", "x-pii": "none"},
        "source": {"type": ["integer", "string"], "x-pii": "none"},
        "answers": {"type": ["object", "string", "array"], "x-pii": "text"},
        "store": {
            "type": "object",
            "x-pii": "none",
            "properties": {"no": {"type": "integer", "x-pii": "none"}},
        },
    },
}
PLAN = ProfilePlan(CONTRACT, ["answers"])
PAYLOADS = st.lists(
    st.dictionaries(
        st.sampled_from(["id", "name", "city", "source", "answers", "store", "new"]),
        st.none()
        | st.sampled_from(
            ["", "北京", "杭州", "19900001234", 0, 1, True, [], {}, '{"预算": 5000}']
        )
        | st.fixed_dictionaries({"no": st.integers(0, 9), "预算": st.just("1-3万")}),
    ),
    max_size=12,
)


def profile_of(*payloads: dict[str, Any], plan: ProfilePlan = PLAN) -> Profile:
    profile = Profile()
    for payload in payloads:
        profile.observe(payload, plan)
    return profile


def as_stored(profile: Profile) -> Profile:
    return Profile.from_json(json.loads(json.dumps(profile.as_json())))


@settings(deadline=None, derandomize=True)
@given(PAYLOADS, PAYLOADS)
def test_profiles_of_two_loaders_add_up_to_the_profile_of_both(
    mine: list[dict[str, Any]], theirs: list[dict[str, Any]]
) -> None:
    merged = profile_of(*mine)
    merged.merge(as_stored(profile_of(*theirs)))

    assert (
        as_stored(merged) == profile_of(*mine, *theirs) == profile_of(*reversed([*mine, *theirs]))
    )


def test_what_is_blank_is_named_but_not_filled() -> None:
    profile = profile_of(*({"city": value} for value in ("北京", "", None, " ")), {})

    city = profile.fields["/city"]
    assert (city.named, city.filled, city.classes) == (4, 1, {"string:cjk:1-4": 1})
    assert profile.share("/city") == 0.2
    assert profile.share("/nowhere") == Profile().share("/city") == 0.0


def test_false_and_nought_are_values() -> None:
    assert profile_of({"source": 0}, {"source": False}).fields["/source"].classes == {
        "integer:0": 1,
        "boolean": 1,
    }


@pytest.mark.parametrize(
    "answers",
    [
        {"预算": 5000, "孩子 年级：": "三年级"},
        [{"label": "预算", "value": 5000}, {"question": "孩子年级", "answer": "三年级"}],
        '{"预算": 5000, "*孩子年级": "三年级"}',
    ],
)
def test_answers_are_counted_by_label_however_they_are_packed(answers: object) -> None:
    fields = profile_of({"answers": answers}).fields

    assert fields["/answers/预算"].classes == {"integer:4": 1}
    assert fields["/answers/孩子年级"].filled == 1


def test_a_label_that_is_data_is_not_counted() -> None:
    profile = profile_of({"answers": {"19900001234": "x", "a@example.com": "x", "a\x00": "x"}})

    assert profile.fields.keys() == {"/answers"}


@pytest.mark.parametrize("answers", ["{", "[[[", '"text"', "7", [1, "a"], [{"label": 3}]])
def test_answers_that_nobody_can_read_stop_nothing(answers: object) -> None:
    assert profile_of({"answers": answers}).fields.keys() == {"/answers"}


def test_what_no_contract_names_is_counted_inside_too() -> None:
    """So that a phone that moved to `contacts[0].phone` can be followed."""
    fields = profile_of(
        {"contact": {"phone": "19900001234"}, "contacts": [{"phone": "19900001234"}]}
    ).fields

    assert fields["/contact/phone"].classes == {"string:phone": 1}
    assert fields["/contacts/0/phone"].classes == {"string:phone": 1}


def test_described_objects_are_counted_inside() -> None:
    fields = profile_of({"store": {"no": 3, "new": "x"}}, {"store": "x"}).fields

    assert fields["/store"].filled == 2
    assert fields["/store/no"].filled == fields["/store/new"].filled == 1


def test_nothing_personal_is_in_a_profile() -> None:
    people = [
        {
            "id": f"74000000000000{n}",
            "name": "张三",
            "city": "想了解一下价格",
            "answers": {"电话": "19900001234", "姓名": "张三"},
            "note": "我姓王",
            "source": "李四",
        }
        for n in range(3)
    ]
    text = json.dumps(profile_of(*people).as_json(), ensure_ascii=False)

    assert not any(
        secret in text for secret in ("19900001234", "张三", "7400", "了解", "王", "李四")
    )
    assert OTHER in text


def test_members_are_listed_only_of_fields_that_are_not_about_people() -> None:
    profile = profile_of({"city": "杭州", "name": "北京", "new": "上海", "source": "1"})

    assert profile.fields["/city"].members == {"杭州": 1}
    assert profile.fields["/source"].members == {"1": 1}
    assert profile.fields["/name"].members == profile.fields["/new"].members == {}


def test_a_profile_stays_small() -> None:
    words = [chr(0x4E00 + n) * 2 for n in range(300)]
    profile = profile_of(*({"city": word, f"n{word}": 1} for word in words))
    other = profile_of(*({"city": f"{word}x", f"m{word}": 1} for word in words))
    profile.merge(other)

    assert len(profile.fields) <= MOST_POINTERS
    assert len(profile.fields["/city"].members) <= MOST_MEMBERS + 1
    assert (
        profile.fields["/city"].filled == profile.fields["/city"].classes["string:cjk:1-4"] + 300
    )
    assert profile.fields[REST].filled + len(profile.fields) - 2 == 600


def test_old_counts_can_weigh_less() -> None:
    profile = profile_of(*[{"city": "北京"}] * 10, {"city": "杭州"}).scaled(0.4)

    assert profile.records == 4
    assert profile.fields["/city"].members == {"北京": 4}


def test_fields_can_be_forgotten_with_what_is_inside() -> None:
    profile = profile_of({"store": {"no": 1}, "stores": 1, "city": "北京"})

    assert profile.without(["/store", "/city"]).fields.keys() == {"/stores"}
    assert profile.without([]) == profile


def test_a_label_is_known_however_many_there_were() -> None:
    plan = ProfilePlan(CONTRACT, ["answers"])
    for number in range(5000):
        plan.known(f"w{number}")
        plan.label(f"l{chr(0x4E00 + number)}")

    assert plan.known("北京") == ("string:cjk:1-4", "北京")
    assert plan.label(" 预算：") == "预算"
