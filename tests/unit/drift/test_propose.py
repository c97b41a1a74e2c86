"""Proposals: what is plain is decided with its reason, what is not is asked, nothing is guessed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from hub.drift.compat import compare
from hub.drift.kinds import Kind
from tests.unit.drift.situations import (
    CONTRACT,
    MAPPING,
    TAGS,
    A,
    a_payload,
    a_proposal,
    added,
    mapped,
    missing,
    payloads,
    said,
)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("telephone", lambda phone: {"telephone": phone}),
        ("contact", lambda phone: {"contact": {"phone": phone}}),
        ("contacts", lambda phone: {"contacts": [{"phone": phone}]}),
        ("客户电话", lambda phone: {"客户电话": phone}),
        ("userMobile", lambda phone: {"userMobile": phone}),
    ],
)
def test_a_phone_is_followed_wherever_it_goes(name: str, shape: Any) -> None:
    seen = [a_payload(n, phone=None, **shape(f"1990000{n:04d}")) for n in range(20)]
    old = payloads()

    found = a_proposal(missing("phone") + added(name), [*old, *seen])

    assert found.questions == ()
    assert [mapped(found, p).docs[0]["mobile_e164"] for p in (seen[3], old[3])] == [
        "+8619900000003"
    ] * 2
    assert "phone" not in found.contract["required"] if found.contract else False
    assert "spread.phone" in said(found)


def test_a_move_is_followed_by_key_conditions_and_tests() -> None:
    seen = [
        a_payload(n, id=None, phone=None, lead_no=str(n), tel=f"1990000{n:04d}") for n in range(20)
    ]
    found = a_proposal(
        [
            A(Kind.FIELD_MOVED, "/id", {"to": "/lead_no"}),
            *missing("phone"),
            *added("lead_no", "tel"),
        ],
        [*payloads(), *seen],
    )

    assert found.mapping["key"] == {"id": ["lead_no", "id"]}
    assert found.mapping["not_a_lead"][0]["when"]["any"][0]["path"] == "tel"
    assert mapped(found, seen[4]).ids == ("4",)
    assert found.mapping["tests"][0] == MAPPING["tests"][0]


def test_what_is_inside_a_moved_object_moves_with_it() -> None:
    seen = [
        a_payload(n, remark_dict=None, remark_map={"姓名": "测试二"}, name=None) for n in range(20)
    ]
    old = payloads(remark_dict={"姓名": "测试二"})
    finding = A(Kind.FIELD_MOVED, "/remark_dict", {"to": "/remark_map"})

    found = a_proposal([finding, *added("remark_map")], [*old, *seen])

    assert found.mapping["answers"] == {"from": ["remark_map", "remark_dict"]}
    assert mapped(found, seen[0]).docs[0]["name"] == "测试二"


def test_two_candidates_are_a_question() -> None:
    seen = payloads(
        phone=None, tel=lambda n: f"1990000{n:04d}", mobile=lambda n: f"1990001{n:04d}"
    )
    given = missing("phone") + added("tel", "mobile")

    asked = a_proposal(given, [*payloads(), *seen])
    told = a_proposal(
        given, [*payloads(), *seen], answers={"move_phone": "mobile", "mobile_e164": "ignore"}
    )

    assert "move_phone" in asked.open_questions
    assert "mobile" in [choice.name for choice in asked.questions[0].choices]
    assert mapped(told, seen[0]).docs[0]["mobile_e164"] == "+8619900010000"


def test_a_field_that_only_looks_alike_is_asked_for() -> None:
    seen = payloads(phone=None, x1=lambda n: f"1990000{n:04d}")

    found = a_proposal(missing("phone") + added("x1"), [*payloads(), *seen])

    assert found.open_questions == ("move_phone",)
    assert found.mapping["spread"] == MAPPING["spread"]


def test_a_field_that_is_gone_for_good_is_no_longer_required() -> None:
    found = a_proposal(missing("phone"), payloads(phone=None))

    assert found.contract is not None
    assert found.contract["required"] == ["id"]
    assert compare(CONTRACT, found.contract).reads_old.state == "compatible"
    assert "spread.phone" in said(found)
    assert "gone" in said(found)


def test_tags_become_typed_extension_fields() -> None:
    sheet = {"fan_level": {"label": "粉丝等级"}, "interact_count": {"label": "历史互动次数"}}
    found = a_proposal(added(*TAGS), payloads(40, **TAGS), sheet=sheet)

    fields = found.mapping["extensions"]
    assert {name: (one["type"], one["pii"]) for name, one in fields.items()} == {
        "fan_level": ("int", "none"),
        "interact_count": ("int", "none"),
        "spend_level": ("text", "none"),
        "interest_tags": ("list", "none"),
        "is_fan": ("bool", "none"),
        "score": ("number", "none"),
    }
    assert fields["fan_level"]["label"] == "粉丝等级"
    doc = mapped(found, payloads(40, **TAGS)[7]).docs[0]
    assert doc["ext"]["interact_count"] == 7
    assert "extra" not in doc


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nickname", "小明"),
        ("owner", "高"),
        ("order_no", 7000000000000000002),
        ("free", "我想了解一下价格，请尽快联系"),
    ],
)
def test_what_may_speak_of_a_person_is_protected(name: str, value: Any) -> None:
    found = a_proposal(added(name), payloads(40, **{name: value}))

    assert found.mapping["extensions"][name]["pii"] == "text"


def test_a_label_beside_a_value_names_the_field() -> None:
    tag = {"label": "粉丝等级", "value": 3}
    found = a_proposal(added("tag_0"), payloads(tag_0=tag))

    assert found.mapping["extensions"] == {
        "tag_0": {"type": "int", "label": "粉丝等级", "pii": "none", "from": "tag_0.value"}
    }


def test_a_list_of_objects_is_no_extension_field() -> None:
    found = a_proposal(added("visits"), payloads(visits=[{"page": "a"}, {"page": "b"}]))

    assert "extensions" not in found.mapping
    assert "stays under extra.unmapped" in said(found)


def test_a_chinese_name_gets_a_slug_and_stays_the_label() -> None:
    found = a_proposal(added("孩子年级"), payloads(孩子年级="三年级"))

    [(name, rule)] = found.mapping["extensions"].items()
    assert name.isascii()
    assert rule["label"] == "孩子年级"
    assert mapped(found, a_payload(孩子年级="三年级")).docs[0]["ext"][name] == "三年级"


def test_an_empty_canonical_field_is_filled_where_the_name_says_so() -> None:
    found = a_proposal(added("weixin"), payloads(weixin="wx_demo_1"))

    assert found.questions == ()
    assert found.mapping["fields"]["wechat_id"] == "weixin"
    assert "20 of 20 values can be read" in said(found)
    assert found.contract is not None
    assert found.contract["properties"]["weixin"]["x-pii"] == "id"


def test_a_name_that_lies_fills_nothing() -> None:
    found = a_proposal(added("email"), payloads(email="no address at all"))

    assert "email" not in found.mapping["fields"]
    assert found.mapping["extensions"]["email"]["pii"] == "text"


def test_a_field_that_has_a_source_is_a_question_with_every_choice() -> None:
    seen = payloads(customer_name="测试三")
    asked = a_proposal(added("customer_name"), seen)

    assert asked.open_questions == ("name",)
    assert [c.name for c in asked.questions[0].choices] == ["repoint", "prefer", "keep", "ignore"]
    assert asked.mapping["fields"]["name"] == MAPPING["fields"]["name"]


@pytest.mark.parametrize(
    ("answer", "name", "ext"),
    [
        ("repoint", "测试三", None),
        ("prefer", "测试三", None),
        ("keep", "测试一", "测试三"),
        ("ignore", "测试一", None),
    ],
)
def test_each_answer_does_what_it_says(answer: str, name: str, ext: str | None) -> None:
    seen = payloads(customer_name="测试三")
    found = a_proposal(added("customer_name"), seen, answers={"name": answer})

    doc = mapped(found, seen[0]).docs[0]
    assert found.open_questions == ()
    assert (doc["name"], doc.get("ext", {}).get("customer_name")) == (name, ext)
    if answer == "prefer":
        assert mapped(found, a_payload()).docs[0]["name"] == "测试一"


def test_a_name_never_moves_to_where_it_would_stand_in_the_open() -> None:
    """platform_state is not sealed field by field: only a platform's own ids go there."""
    found = a_proposal(
        added("customer_name"), payloads(customer_name="测试三"), answers={"name": "repoint"}
    )

    assert not [name for name in found.mapping["fields"] if name == "platform_state.name"]
    assert (
        mapped(found, a_payload(customer_name="测试三")).docs[0]["extra"]["unmapped"]["name"]
        == "测试一"
    )


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"姓名": "测试二"}, "object"),
        (json.dumps({"姓名": "测试二"}, ensure_ascii=False), "string"),
    ],
)
def test_an_object_as_text_is_read_as_before(value: Any, word: str) -> None:
    seen = payloads(remark_dict=value, name=None)
    found = a_proposal([A(Kind.TYPE_CHANGED, "/remark_dict", {"found": word})], seen)

    assert mapped(found, seen[0]).docs[0]["name"] == "测试二"
    if word == "string":
        assert found.contract is not None
        assert set(found.contract["properties"]["remark_dict"]["type"]) == {
            "object",
            "null",
            "string",
        }
        assert "without loss" in said(found)
        assert found.step == "ADDITION"


def test_milliseconds_are_read_without_a_change() -> None:
    finding = A(Kind.FORMAT_CHANGED, "/time", {"expected": "integer:10", "found": "integer:13"})
    found = a_proposal([finding], payloads(time=lambda n: (1767225600 + n) * 1000))

    assert found.questions == ()
    assert found.contract is None
    assert found.mapping == MAPPING


def test_amounts_of_another_size_are_a_question() -> None:
    finding = A(Kind.FORMAT_CHANGED, "/budget", {"expected": "integer:4", "found": "integer:6"})
    seen = payloads(budget=500000)

    asked = a_proposal([finding], seen)
    told = a_proposal([finding], seen, answers={"budget_unit": "fen"})

    assert asked.open_questions == ("budget_unit",)
    assert mapped(asked, seen[0]).docs[0]["budget_min_fen"] == 50_000_000
    assert mapped(told, seen[0]).docs[0]["budget_min_fen"] == 500_000
    assert told.mapping["mapping"] == "demo/lead/2-0-0"


def test_a_masked_phone_is_told_and_never_repaired() -> None:
    finding = A(
        Kind.FORMAT_CHANGED, "/phone", {"expected": "string:phone", "found": "string:masked"}
    )
    found = a_proposal([finding], payloads(phone="199****1111"))

    assert "masked" in said(found)
    assert found.mapping["spread"] == MAPPING["spread"]


def test_a_new_member_joins_its_list_with_the_sheets_meaning() -> None:
    finding = A(Kind.ENUM_UNKNOWN, "/level", {"member": "7"})

    plain = a_proposal([finding], payloads(level=7))
    told = a_proposal([finding], payloads(level=7), sheet={"level": {"members": {"7": "很高"}}})

    assert plain.contract is not None
    assert plain.contract["properties"]["level"]["x-enum"] == {"1": "低", "2": "高", "7": ""}
    assert "meaning is unknown" in said(plain)
    assert told.contract is not None
    assert told.contract["properties"]["level"]["x-enum"]["7"] == "很高"


def test_a_member_that_may_not_be_shown_changes_nothing() -> None:
    found = a_proposal([A(Kind.ENUM_UNKNOWN, "/level", {"member": "other"})], payloads(level=7))

    assert found.contract is None


def test_the_order_of_findings_and_payloads_says_nothing() -> None:
    findings = added(*TAGS, "weixin", "customer_name")
    seen = payloads(30, weixin="wx_1", customer_name="测试三", **TAGS)
    first = a_proposal(findings, seen)
    random.Random(1).shuffle(findings)
    random.Random(2).shuffle(seen)

    assert a_proposal(findings, seen) == first


def test_no_value_of_a_person_stands_in_a_proposal() -> None:
    seen = payloads(
        40,
        customer_name="张三丰",
        weixin="wx_secret",
        memo="打电话19900007777",
        phone="19900006666",
    )
    found = a_proposal(added("customer_name", "weixin", "memo"), seen, answers={"name": "keep"})

    text = json.dumps([found.mapping, found.contract, list(found.samples)], ensure_ascii=False)
    text += said(found) + str(found.verdicts)
    for secret in ("张三丰", "wx_secret", "19900007777", "19900006666"):
        assert secret not in text
