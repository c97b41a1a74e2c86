"""The mapping engine: what a document can say, and what it makes of hostile payloads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from hub.errors import ConfigError, RecordError
from hub.mapping.examples import example_context, example_id, run_examples
from hub.mapping.extensions import ExtensionField
from hub.mapping.parts import encode_component
from hub.model.lead import RevisionMode
from tests.unit.mapping.builders import a_document, a_mapping, lead, run

ANSWERS: dict[str, Any] = {"answers": {"from": "form"}}
PHONE: dict[str, Any] = {"spread": [{"name": "phone", "from": "phone", "with": "phone_cn"}]}


def doc_of(mapping: Any, **payload: Any) -> dict[str, Any]:
    return lead(mapping, **payload).doc


@pytest.mark.parametrize("absent", [None, "", "  ", "\u3000", [], {}])
def test_null_blank_and_empty_mean_absent(absent):
    assert doc_of(a_mapping(), name=absent) == {}


@pytest.mark.parametrize("name", ["张三😀", "𠮷野家", "👨‍👩‍👧", "محمد", "a\u200db"])
def test_a_name_keeps_every_character_it_has(name):
    assert doc_of(a_mapping(), name=name)["name"] == name


def test_what_no_store_takes_is_taken_out_of_text():
    assert doc_of(a_mapping(), name="张\x00三\ud800\x07")["name"] == "张三"
    assert doc_of(a_mapping(), **{"k\x00": {"a\x00": "b\x00"}})["extra"] == {
        "unmapped": {"k": {"a": "b"}}
    }


@pytest.mark.parametrize("value", [7300000000000000123, "7300000000000000123"])
def test_an_id_beyond_2_53_keeps_its_digits(value):
    mapping = a_mapping(fields={"ad_id": "ad"}, key={"id": "ad"})

    found = lead(mapping, ad=value)
    assert found.doc["ad_id"] == "7300000000000000123"
    assert found.external_id == "7300000000000000123"


def test_an_id_that_lost_digits_as_a_float_holds_the_record():
    with pytest.raises(RecordError) as held:
        run(a_mapping(), id=7.300000000000000123e18)

    assert (held.value.reason, held.value.path) == ("invalid_value", "/id")


@pytest.mark.parametrize("missing", [None, "", " "])
def test_no_id_is_missing(missing):
    with pytest.raises(RecordError) as held:
        run(a_mapping(), id=missing)

    assert (held.value.reason, held.value.path) == ("missing", "/id")


def test_paths_go_through_objects_lists_and_json_in_strings():
    mapping = a_mapping(
        fields={
            "name": 'contact."full.name"',
            "address": "contacts[1].address",
            "product_interest": "items[*].title",
            "message": "inner.deep.text",
        }
    )

    found = doc_of(
        mapping,
        contact={"full.name": "张三"},
        contacts='[{}, {"address": "一号"}]',
        items=[{"title": "甲"}, {"x": 1}, {"title": "乙"}],
        inner={"deep": '{"text": "hi"}'},
    )
    assert found == {
        "name": "张三",
        "address": "一号",
        "product_interest": ["甲", "乙"],
        "message": "hi",
    }


@pytest.mark.parametrize("as_text", [False, True])
def test_answers_are_found_in_an_object_and_in_json_text(as_text):
    mapping = a_mapping(fields={"wechat_id": {"answer": "微信"}}, **ANSWERS)
    form = {"您的微信号": "wx1", "孩子年级": "三年级"}

    found = doc_of(mapping, form=json.dumps(form) if as_text else form)
    assert found == {"wechat_id": "wx1", "extra": {"unmapped": {"form": {"孩子年级": "三年级"}}}}


@pytest.mark.parametrize("label", ["微信号", " 微 信 号 ：", "*微信号:", "微信号？"])
def test_a_label_is_matched_however_it_is_typed(label):
    mapping = a_mapping(fields={"wechat_id": {"answer": "^微信号$"}}, **ANSWERS)

    assert doc_of(mapping, form=[{"label": label, "value": "wx1"}]) == {"wechat_id": "wx1"}


def test_of_duplicate_labels_the_first_counts_and_the_other_is_kept():
    mapping = a_mapping(fields={"wechat_id": {"answer": "微信"}}, **ANSWERS)
    form = [
        {"label": "微信", "value": ""},
        {"label": "微信", "value": "wx1"},
        {"label": "微信", "value": "wx2"},
        {"label": "微信", "value": "wx3"},
        {"label": "微信", "value": "wx1"},
    ]

    assert doc_of(mapping, form=form) == {
        "wechat_id": "wx1",
        "extra": {"unmapped": {"form": {"微信": ["wx2", "wx3"]}}},
    }


def test_a_container_that_cannot_be_read_is_kept_and_marked():
    mapping = a_mapping(fields={"wechat_id": {"answer": "微信"}}, **ANSWERS)

    assert doc_of(mapping, form="{broken") == {
        "extra": {"unmapped": {"form": "{broken"}},
        "marks": ["unusable:form"],
    }


def test_labels_that_somebody_makes_up_do_not_fill_the_memory():
    mapping = a_mapping(fields={"wechat_id": {"answer": "微信"}}, **ANSWERS)
    for start in range(0, 10_000, 1000):
        doc_of(mapping, form={f"q{n}": 1 for n in range(start, start + 1000)})

    assert len(mapping._answers._known) <= 4096


def test_the_first_usable_alternative_wins():
    mapping = a_mapping(fields={"email": {"from": ["a", "b", "c"], "with": "email"}})

    assert doc_of(mapping, a="nonsense", b="x@y.cn", c="z@y.cn") == {"email": "x@y.cn"}


def test_an_unusable_value_is_marked_and_kept_as_it_came():
    mapping = a_mapping(fields={"age": {"from": "age", "with": "int"}})

    assert doc_of(mapping, age="十八") == {
        "marks": ["unusable:age"],
        "extra": {"unmapped": {"age": "十八"}},
    }


def test_an_unusable_value_of_a_rule_that_holds_is_a_record_error_with_its_pointer():
    mapping = a_mapping(fields={"age": {"from": "a.b/c", "with": "int", "unusable": "hold"}})

    with pytest.raises(RecordError) as held:
        run(mapping, a={"b/c": "十八"})
    assert (held.value.reason, held.value.path, held.value.detail) == (
        "invalid_value",
        "/a/b~1c",
        "age",
    )
    assert "十八" not in str(held.value)


def test_a_required_field_that_is_absent_holds_the_record():
    mapping = a_mapping(fields={"name": {"from": "name", "required": True}})

    with pytest.raises(RecordError) as held:
        run(mapping)
    assert (held.value.reason, held.value.path) == ("missing", "/name")


def test_a_default_leaves_a_mark():
    mapping = a_mapping(fields={"name": {"from": "name", "default": "匿名咨询"}})

    assert doc_of(mapping) == {"name": "匿名咨询", "marks": ["name_defaulted"]}
    assert doc_of(mapping, name="张三") == {"name": "张三"}


def test_a_patch_has_no_defaults():
    with pytest.raises(ConfigError, match=r"fields\.name.*patch"):
        a_mapping(mode="patch", fields={"name": {"from": "name", "default": "x"}})


def test_constants_and_conditions():
    mapping = a_mapping(
        fields={
            "utm_source": {"const": "douyin"},
            "device_id": {"from": "d", "when": {"path": "ok", "equals": True}},
            "need": {"from": "n", "when": {"not": {"path": "n", "matches": "^无"}}},
        },
        ignore=["ok"],
    )

    assert doc_of(mapping, ok=True, d="x", n="无所谓") == {
        "utm_source": "douyin",
        "device_id": "x",
    }
    assert doc_of(mapping, ok="false", d="x", n="瘦身") == {
        "utm_source": "douyin",
        "need": ["瘦身"],
    }


@pytest.mark.parametrize("value", [4, "4", 4.0])
def test_a_record_that_is_no_lead_says_why(value):
    mapping = a_mapping(
        not_a_lead=[{"when": {"path": "source", "in": [3, 4]}, "reason": "preview"}]
    )

    assert run(mapping, source=value).not_a_lead == "preview"
    assert run(mapping, source=1).not_a_lead is None


def test_one_record_can_give_several_leads_and_an_interaction():
    mapping = a_mapping(
        each="people",
        key={"id": "call_id"},
        fields={"name": "$item.name", "message": "note"},
        interactions=[
            {
                "key": {"entity": "call", "id": "call_id"},
                "when": {"path": "duration", "present": True},
                "fields": {
                    "kind": {"const": "call"},
                    "duration_s": {"from": "duration", "with": "int"},
                },
            }
        ],
    )
    mapped = run(
        mapping,
        call_id="c1",
        note="hi",
        duration="65",
        people=[{"name": "张三"}, {"name": "李四", "x": 1}],
    )

    assert [(each.doc["name"], each.external_id, each.ordinal) for each in mapped.leads] == [
        ("张三", "c1", 0),
        ("李四", "c1", 1),
    ]
    assert mapped.leads[1].doc["extra"]["unmapped"]["$item"] == {"x": 1}
    assert [(i.key_entity, i.external_id, i.doc) for i in mapped.interactions] == [
        ("call", "c1", {"kind": "call", "duration_s": 65})
    ]


def test_leads_of_items_with_their_own_id_do_not_depend_on_their_place():
    mapping = a_mapping(each="people", key={"id": "$item.id"}, fields={"name": "$item.name"})
    mapped = run(mapping, people=[{"id": "a", "name": "张三"}, {"id": "b", "name": "李四"}])

    assert [(each.external_id, each.ordinal) for each in mapped.leads] == [("a", 0), ("b", 0)]


def test_a_fan_out_without_items_holds_the_record():
    with pytest.raises(RecordError, match="missing"):
        run(a_mapping(each="people", fields={"name": "$item.name"}), people=None)


def test_a_synthetic_id_is_made_of_the_documented_fields_as_text():
    mapping = a_mapping(key={"synthetic": ["a", "b", "phone"]})
    context = example_context(mapping)

    def made(**payload: Any) -> tuple[str, ...]:
        seen: list[tuple[str, ...]] = []

        def synthetic_id(*each: str) -> str:
            seen.append(each)
            return "id"

        mapping.map(payload, context, synthetic_id)
        return seen[0]

    assert made(a=7300000000000000123, b="x") == ("demo/form", "7300000000000000123", "x", "")
    assert made(a="7300000000000000123", b="x", phone=None) == made(a=7300000000000000123, b="x")
    with pytest.raises(RecordError, match="missing"):
        made(other=1)


def test_a_synthetic_id_stands_in_only_for_an_absent_one():
    mapping = a_mapping(key={"id": "id", "synthetic": ["phone"]})

    assert lead(mapping, id="7", phone="1").external_id == "7"
    assert lead(mapping, id="", phone="1").external_id == example_id("demo/form", "1")


def test_extension_fields_are_typed_and_unusable_ones_marked():
    mapping = a_mapping(
        registered=(ExtensionField("area", "number", "建筑面积"),),
        **ANSWERS,
    )

    assert doc_of(mapping, area="89.5")["ext"] == {"area": 89.5}
    assert doc_of(mapping, form={"建筑面积：": "120"})["ext"] == {"area": 120.0}
    assert doc_of(mapping, area="大")["marks"] == ["unusable:ext.area"]


def test_what_no_rule_names_is_kept_at_every_depth():
    mapping = a_mapping(fields={"store.store_id": "store.id", "name": "name"}, ignore=["noise"])

    found = doc_of(
        mapping, store={"id": "1", "open": True, "x": None}, noise="z", fan_level=0, empty=""
    )
    assert found["extra"] == {"unmapped": {"store": {"open": True}, "fan_level": 0}}


def test_very_deep_and_not_finite_values_stay_in_the_archive_only():
    deep: Any = "x"
    for _ in range(5000):
        deep = {"a": deep}
    mapping = a_mapping(
        contract={"type": "object", "properties": {"name": {"type": "string"}}}, **ANSWERS
    )

    found = doc_of(mapping, deep=deep, n=float("nan"), form="[" * 5000 + "]" * 5000, name="张三")
    assert found["name"] == "张三"
    assert set(found["marks"]) == {"unusable:extra", "unusable:form"}
    assert "deep" not in json.dumps(found, allow_nan=False)


def test_a_payload_off_its_contract_is_mapped_and_marked():
    """The mark names only fields that the contract knows: any other name could be a person's."""
    contract = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    }
    mapping = a_mapping(contract, fields={"name": "name", "age": {"from": "age", "with": "int"}})

    assert doc_of(mapping, name="张三", age="18") == {
        "name": "张三",
        "age": 18,
        "marks": ["off_contract:age"],
    }


def test_a_value_that_its_contract_refuses_and_no_rule_can_use_is_held_as_contract():
    contract = {"type": "object", "properties": {"phone": {"type": "string"}}}
    spread = [{**PHONE["spread"][0], "unusable": "hold"}]
    mapping = a_mapping(contract, spread=spread)

    with pytest.raises(RecordError) as held:
        run(mapping, phone={"number": "19900001111"})
    assert (held.value.reason, held.value.path) == ("contract", "/phone")


@pytest.mark.parametrize("payload", [[], "x", None, 3])
def test_a_payload_that_is_no_object_is_held(payload):
    mapping = a_mapping()

    with pytest.raises(RecordError, match="contract"):
        mapping.map(payload, example_context(mapping), example_id)
    assert mapping.account(payload) is None


def test_every_mobile_of_every_source_is_kept():
    spread = [{"name": "phone", "from": ["phone", "phone2"], "with": "phone_cn", "take": "every"}]
    found = lead(a_mapping(spread=spread), phone="19900001111", phone2="19900002222 010-62345678")

    assert found.doc["mobile_e164"] == "+8619900001111"
    assert found.doc["phones"] == [
        {"value": "+8619900002222", "kind": "mobile"},
        {"value": "+861062345678", "kind": "landline"},
    ]
    assert [key.value for key in found.keys] == ["+8619900001111", "+8619900002222"]


def test_a_hashed_phone_is_a_key_and_stays_in_the_sealed_document():
    """Without it the key could not be made again when the blind index is rotated."""
    mapping = a_mapping(fields={"phone_hash_sha256": {"from": "h", "with": "sha256_hex"}})
    found = lead(mapping, h="AB" * 32)

    assert found.doc["phone_hash_sha256"] == "ab" * 32
    assert [(key.kind.name, key.value) for key in found.keys] == [
        ("MOBILE", "sha256:" + "ab" * 32)
    ]


def test_revisions_sort_by_declared_order_then_receipt_then_record():
    mapping = a_mapping(order=[{"from": "modified", "with": "epoch_ms"}])
    context = example_context(mapping)

    def rank(modified: Any, *, later: int = 0, record: int = 0) -> bytes:
        moved = replace(
            context,
            received_at=context.received_at + timedelta(seconds=later),
            record_id=UUID(int=record),
        )
        return mapping.map({"id": "1", "modified": modified}, moved, example_id).leads[0].rank

    ranks = [
        rank(None, later=99),
        rank("2025-01-01 08:00:00", later=9),
        rank("2025-01-01 08:00:01"),
        rank("2025-01-01 08:00:01", later=1),
        rank("2025-01-01 08:00:01", later=1, record=7),
    ]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 5


def test_order_components_compare_as_numbers_do():
    values = [None, -(2**70), -5, 0, 1, 2**40, 2**70]
    encoded = [encode_component(value) for value in values]

    assert encoded == sorted(encoded)
    assert {len(each) for each in encoded} == {8}


def test_mode_stream_and_account_are_the_documents():
    mapping = a_mapping(mode="patch", stream="push", account=["acct", "owner.id"])

    assert (lead(mapping).mode, lead(mapping).stream) == (RevisionMode.PATCH, "push")
    assert mapping.account({"acct": "", "owner": {"id": 17}}) == "17"
    assert mapping.account({"acct": {}}) is None


def test_touchpoints_carry_their_own_campaign_and_need_a_time():
    mapping = a_mapping(
        fields={"submitted_at": {"from": "at", "with": "datetime"}, "utm_source": "s"},
        touchpoints=[
            {"kind": "lead", "copy": [{"occurred_at": "submitted_at"}, "utm_source"]},
            {
                "kind": "first_touch",
                "fields": {
                    "occurred_at": {"from": "first.ts", "with": "datetime"},
                    "utm_source": "first.s",
                },
            },
        ],
    )

    found = doc_of(mapping, at=1735689600, s="a", first={"ts": 1735689500, "s": "b"})
    assert [
        (t["kind"], t["occurred_at"][14:19], t["utm_source"]) for t in found["touchpoints"]
    ] == [
        ("lead", "00:00", "a"),
        ("first_touch", "58:20", "b"),
    ]
    assert "touchpoints" not in doc_of(mapping, s="a", first={"s": "b"})


def test_the_payload_is_not_changed_and_mapping_twice_gives_the_same():
    mapping = a_mapping(fields={"wechat_id": {"answer": "微信"}}, **ANSWERS)
    payload = {"id": "1", "form": {"微信": "a", "x": {"y": [1]}}, "$context": "z", "other": [1]}
    before = json.dumps(payload)
    context = example_context(mapping)

    assert mapping.map(payload, context, example_id) == mapping.map(payload, context, example_id)
    assert json.dumps(payload) == before


def test_lineage_names_the_payload_fields_of_each_canonical_field():
    mapping = a_mapping(fields={"name": ["name", {"answer": "姓名"}]}, **ANSWERS, **PHONE)
    edges = {edge.target: edge.sources for edge in mapping.lineage()}

    assert edges == {
        "name": ("name", "form?姓名"),
        "mobile_e164": ("phone",),
        "phones": ("phone",),
    }


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"mapping": "nonsense"}, "nonsense"),
        ({"from": "x"}, "from"),
        ({"mode": "both"}, "mode"),
        ({"surprise": 1}, "surprise"),
        ({"key": None}, "key"),
        ({"fields": {"no_such": "x"}}, "fields.no_such"),
        ({"fields": {"name": {"from": "x", "wiht": "trim"}}}, "wiht"),
        ({"fields": {"name": {"from": "x", "with": "no_such"}}}, "no_such"),
        ({"fields": {"name": {"from": "x", "with": {"split": {"by": ","}}}}}, "split"),
        ({"fields": {"name": {"from": "a..b"}}}, "a..b"),
        ({"fields": {"name": {"answer": "x"}}}, "answers"),
        ({"fields": {"name": {"from": {"context": "clock"}}}}, "received_at"),
        ({"fields": {"name": {"from": "x", "unusable": "drop"}}}, "drop"),
        ({"fields": {"name": {"from": "x", "when": {"path": "y"}}}}, "fields.name.when"),
        ({"fields": {"name": {"from": "x", "with": "phone_cn"}}}, "spread"),
        ({"spread": [{"name": "p", "from": "x", "with": "trim"}]}, "spread.p"),
        ({"spread": {"p": 1}}, "spread"),
        ({"extensions": {"x": {"type": "blob", "from": "x"}}}, "blob"),
        ({"touchpoints": [{"kind": "lead", "copy": ["name"]}]}, "touchpoints[0].copy"),
        ({"not_a_lead": [{"reason": "x"}]}, "not_a_lead[0]"),
        ({"answers": {"from": "f"}, "fields": {"name": {"answer": "("}}}, "RE2"),
    ],
)
def test_a_document_that_says_nonsense_is_a_config_error_that_names_the_rule(changed, named):
    with pytest.raises(ConfigError) as wrong:
        a_mapping(**changed)

    assert named in str(wrong.value)


def test_examples_report_what_differs():
    document = a_document(
        tests=[
            {
                "name": "right",
                "payload": {"id": "1", "name": "张三"},
                "expect": {"doc": {"name": "张三"}},
            },
            {
                "name": "wrong",
                "payload": {"id": "1", "name": "张三"},
                "expect": {"doc": {"name": "李四"}, "absent": ["name"]},
            },
            {"name": "held", "payload": {}, "expect": {"not_a_lead": "x"}},
        ]
    )
    results = run_examples(a_mapping(), document)

    assert [len(each.differences) for each in results] == [0, 2, 1]


@pytest.mark.parametrize(
    "bad",
    [
        {"payload": {}},
        {"payload": 1, "expect": {"doc": {}}},
        {"payload": {}, "expect": {"docs": 1}},
    ],
)
def test_an_example_that_could_never_fail_is_refused(bad):
    with pytest.raises(ConfigError, match=r"tests\[0\]"):
        run_examples(a_mapping(), a_document(tests=[bad]))
