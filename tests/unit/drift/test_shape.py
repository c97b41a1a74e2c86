"""What a payload's structure says against its contract, and what it must not say of a person."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.drift.keywords import validator
from hub.drift.kinds import Kind, Sight
from hub.drift.shape import LONGEST_POINTER, MOST_SIGHTS, ShapeReader

SHIPPED = Path(__file__).parents[3] / "schemas"
STORED = Path(__file__).parents[2] / "payloads"
CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "at"],
    "properties": {
        "id": {"type": ["string", "integer"], "x-pii": "id"},
        "at": {"type": "string", "x-pii": "none"},
        "level": {"type": ["integer", "null"], "x-pii": "none", "x-enum": {"1": "高", "2": "低"}},
        "phone": {"type": ["string", "null"], "x-pii": "phone"},
        "grade": {"type": ["string", "null"], "x-pii": "text", "enum": ["A", "B", None]},
        "score": {"type": "integer"},
        "tags": {"type": ["array", "null"], "items": {"type": "string"}, "x-pii": "none"},
        "store": {
            "type": ["object", "null"],
            "required": ["no"],
            "properties": {"no": {"type": "integer"}, "name": {"type": ["string", "null"]}},
        },
        "people": {
            "type": "array",
            "items": {"type": "object", "properties": {"phone": {"type": "string"}}},
        },
        "answers": {"type": ["object", "string"], "properties": {"age": {"type": "integer"}}},
        "open": {"type": "object", "x-open": True, "properties": {"a": {"type": "integer"}}},
        "keyed": {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "additionalProperties": {"type": "string"},
        },
        "opaque": {"type": "object"},
    },
}
GOOD = {
    "id": "1",
    "at": "2026-03-01",
    "level": 1,
    "store": {"no": 1, "name": "演示店"},
    "tags": ["a"],
}
READER = ShapeReader(CONTRACT, ["answers"])
CALM = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 7, 1.0, 1.5, "", "A", "19900001234"])
    | st.builds(dict),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["no", "name", "phone", "a", "new"]), inner, max_size=2)
    ),
    max_leaves=4,
)
PAYLOADS = st.dictionaries(st.sampled_from([*CONTRACT["properties"], "new"]), VALUES, max_size=6)


def seen(payload: dict[str, Any], reader: ShapeReader = READER) -> set[tuple[Kind, str]]:
    return {(sight.kind, sight.pointer) for sight in reader.sights(payload)}


def one(payload: dict[str, Any], reader: ShapeReader = READER) -> Sight:
    (found,) = reader.sights(payload)
    return found


def test_a_payload_as_described_says_nothing() -> None:
    assert seen(GOOD) == set()


@pytest.mark.parametrize(
    ("change", "kind", "pointer"),
    [
        ({"fan_level": 3}, Kind.FIELD_ADDED, "/fan_level"),
        ({"store": {"no": 1, "city": "杭州"}}, Kind.FIELD_ADDED, "/store/city"),
        ({"people": [{"phone": "1", "age": 3}]}, Kind.FIELD_ADDED, "/people/0/age"),
        ({"a/b~c": 1}, Kind.FIELD_ADDED, "/a~1b~0c"),
        ({"store": {"name": None}}, Kind.FIELD_MISSING, "/store/no"),
        ({"at": None}, Kind.FIELD_MISSING, "/at"),
        ({"phone": 19900001234}, Kind.TYPE_CHANGED, "/phone"),
        ({"phone": {"value": "19900001234"}}, Kind.TYPE_CHANGED, "/phone"),
        ({"level": True}, Kind.TYPE_CHANGED, "/level"),
        ({"level": 1.5}, Kind.TYPE_CHANGED, "/level"),
        ({"tags": [{"id": 1}]}, Kind.TYPE_CHANGED, "/tags/0"),
        ({"people": [{"phone": 1}]}, Kind.TYPE_CHANGED, "/people/0/phone"),
        ({"answers": 3}, Kind.TYPE_CHANGED, "/answers"),
    ],
)
def test_a_difference_is_seen_where_it_is(
    change: dict[str, Any], kind: Kind, pointer: str
) -> None:
    assert seen({**GOOD, **change}) == {(kind, pointer)}


@pytest.mark.parametrize(
    "change",
    [
        {"level": None}, {"score": ""}, {"score": None}, {"phone": ""}, {"store": None}, {"tags": []}, {"level": 1.0},
        {"answers": {"age": "5岁", "手机": "19900001234"}}, {"answers": "{}"}, {"open": {"b": 1}},
        {"keyed": {"b": "c"}}, {"opaque": {"x": {"y": 1}}},
    ],
)  # fmt: skip
def test_what_is_absent_or_data_is_no_change(change: dict[str, Any]) -> None:
    assert seen({**GOOD, **change}) == set()


def test_known_names_are_still_judged_beside_data() -> None:
    assert seen({**GOOD, "open": {"a": "x"}, "keyed": {"a": "x"}}) == {
        (Kind.TYPE_CHANGED, "/open/a"),
        (Kind.TYPE_CHANGED, "/keyed/a"),
    }


def test_what_is_required_is_missing() -> None:
    assert seen({}) == {(Kind.FIELD_MISSING, "/id"), (Kind.FIELD_MISSING, "/at")}


def test_a_witness_shows_a_word_only_where_the_contract_says_it_is_nobodys() -> None:
    shown = one({**GOOD, "level": "高"})
    hidden = one({**GOOD, "phone": 19900001234})
    unknown = one({**GOOD, "contact": "19900001234"})

    assert shown.detail == {"witness": "高", "expected": "integer, null", "found": "string"}
    assert hidden.detail["witness"] == "integer, 11 digits"
    assert unknown.detail["witness"] == "string, a mobile number"


def test_items_of_a_personal_list_are_personal() -> None:
    contract = {"properties": {"notes": {"x-pii": "text", "items": {"type": "integer"}}}}

    assert one({"notes": ["high"]}, ShapeReader(contract)).detail["witness"] != "high"


@pytest.mark.parametrize("name", ["19900001234", "a@example.com", "x" * 65, "a\x00b", "\ud800"])
def test_a_name_that_is_data_is_not_shown(name: str) -> None:
    """A NUL or half a surrogate would fail the batch that writes the finding."""
    assert seen({**GOOD, name: 1}) == {(Kind.FIELD_ADDED, "/<data>")}


def test_sights_and_pointers_are_bounded() -> None:
    deep: dict[str, Any] = {"properties": {}}
    inner = deep
    payload: dict[str, Any] = {}
    value = payload
    for _ in range(12):
        inner["properties"]["name_of_forty_letters_" * 2] = {"type": "object", "properties": {}}
        inner = inner["properties"]["name_of_forty_letters_" * 2]
        value["name_of_forty_letters_" * 2] = {}
        value = value["name_of_forty_letters_" * 2]
    value["new"] = 1

    assert (
        len(
            READER.sights(
                {**GOOD, **{f"n{'abcdefghij'[i % 10]}{'x' * (i // 10)}": i for i in range(400)}}
            )
        )
        == MOST_SIGHTS
    )
    assert len(one(payload, ShapeReader(deep)).pointer) <= LONGEST_POINTER


@CALM
@given(PAYLOADS, PAYLOADS)
def test_payloads_of_one_key_show_the_same(left: dict[str, Any], right: dict[str, Any]) -> None:
    """The loader analyses a key once: two payloads that differ in what is seen must not share one."""
    if READER.key(left) == READER.key(right):
        assert seen(left) == seen(right)


@CALM
@given(PAYLOADS)
def test_a_reader_that_has_seen_every_order_says_the_same(payload: dict[str, Any]) -> None:
    tired = ShapeReader(CONTRACT, ["answers"])
    for number in range(100):
        tired.key({f"n{number}": 1})
    backwards = dict(reversed(payload.items()))

    assert tired.key(payload) == tired.key(backwards)
    assert seen(payload) == seen(backwards)


@CALM
@given(PAYLOADS)
def test_sights_agree_with_json_schema(payload: dict[str, Any]) -> None:
    """Whatever the contract refuses is seen, but for blanks and listed values; what it accepts has no wrong kind."""
    plain = json.loads(json.dumps(CONTRACT).replace('"enum"', '"x-enum"'))
    kinds = {kind for kind, _ in seen(payload)}
    blank = any(value == "" or value is None for value in _leaves(payload))

    if validator(plain).is_valid(payload):
        assert kinds <= {Kind.FIELD_ADDED}
    elif not blank and "answers" not in payload:
        assert kinds & {Kind.TYPE_CHANGED, Kind.FIELD_MISSING} or "keyed" in payload


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value]


@pytest.mark.parametrize(
    ("value", "member"), [(7, "7"), ("high", "high"), ("19900001234", "other"), ("张三", "other")]
)
def test_an_unknown_member_is_named_unless_it_may_be_somebody(value: object, member: str) -> None:
    (found,) = READER.members({**GOOD, "level": value})

    assert (found.kind, found.pointer, found.member) == (Kind.ENUM_UNKNOWN, "/level", member)
    assert found.detail["expected"] == "1, 2"


def test_a_member_of_a_personal_field_is_never_named() -> None:
    assert [sight.member for sight in READER.members({"grade": "C"})] == ["other"]


@pytest.mark.parametrize("value", [1, "2", 1.0, None, ""])
def test_known_and_absent_members_say_nothing(value: object) -> None:
    assert READER.members({**GOOD, "level": value}) == ()
    assert READER.members({**GOOD, "level": value}) == ()  # and from the memo


def test_an_unknown_member_is_told_each_time() -> None:
    """Every record that shows it is marked."""
    assert READER.members({"level": 9}) == READER.members({"level": 9}) != ()


def test_members_are_found_beside_an_object_in_a_listed_field() -> None:
    (found,) = READER.members({"level": {"a": 1}, "grade": "C"})

    assert found.pointer == "/grade"


def test_members_are_found_inside_objects_and_lists() -> None:
    listed = {"type": "string", "x-pii": "none", "x-enum": ["a"]}
    reader = ShapeReader(
        {
            "properties": {
                "store": {"properties": {"kind": listed}},
                "tags": {"items": listed},
            }
        }
    )
    found = reader.members({"store": {"kind": "b"}, "tags": ["a", "c"]})

    assert {(sight.pointer, sight.member) for sight in found} == {
        ("/store/kind", "b"),
        ("/tags/0", "c"),
    }


def test_a_contract_that_says_nothing_sees_nothing() -> None:
    reader = ShapeReader({})

    assert reader.sights({"a": 1}) == reader.members({"a": 1}) == ()


def _scrambled(chance: random.Random, payload: dict[str, Any]) -> dict[str, Any]:
    """A payload with a few of its values, names or nested values changed at random."""
    odd: list[Any] = [
        None,
        "",
        "文字",
        "1",
        0,
        1,
        1.0,
        1.5,
        True,
        [],
        [1],
        ["x"],
        [None],
        {},
        {"x": 1},
    ]
    changed = copy.deepcopy(payload)
    for _ in range(chance.randrange(4)):
        name = chance.choice([*changed, "unheard_of"])
        inner = changed.get(name)
        if isinstance(inner, dict) and inner and chance.random() < 0.5:
            inner[chance.choice([*inner, "inner_new"])] = chance.choice(odd)
        elif chance.random() < 0.2:
            changed.pop(name, None)
        else:
            changed[name] = chance.choice(odd)
    return changed


@pytest.mark.parametrize(
    "path", sorted(SHIPPED.glob("raw/*/*/*.json")), ids=lambda p: p.parent.name
)
def test_where_a_contract_decides_by_structure_payloads_of_one_key_are_all_valid_or_none(
    path: Path,
):
    """The loader then validates one payload of each key, and no other."""
    contract = json.loads(path.read_text("utf-8"))
    reader = ShapeReader(contract, ("remark_dict", "form_fields", "fields"))
    validator = jsonschema_rs.validator_for(contract)
    chance = random.Random(20260217)
    sample = json.loads((STORED / path.relative_to(SHIPPED / "raw")).read_text("utf-8"))
    verdicts: dict[Any, set[bool]] = {}
    for _ in range(4000):
        payload = _scrambled(chance, sample)
        verdicts.setdefault(reader.key(payload), set()).add(validator.is_valid(payload))

    assert len(verdicts) > 100
    if reader.decides:
        assert [v for v in verdicts.values() if len(v) > 1] == []


def test_a_contract_that_looks_at_values_does_not_decide_by_structure():
    def decides(**schema: Any) -> bool:
        return ShapeReader({"type": "object", "properties": {"a": schema}}, ("box",)).decides

    assert decides(type=["string", "null"])
    assert decides(type="array", items={"type": "string"})
    assert not decides(type="string", pattern="^1")
    assert not decides(enum=[1, 2])
    assert not decides(type="integer", minimum=1)
    assert not decides(type="array", items={"type": "integer"})
    assert not decides(type="array", items={"type": "object", "required": ["b"]})
    assert not decides(type="object", additionalProperties={"type": "string"})
    assert not ShapeReader({"properties": {"box": {"required": ["b"]}}}, ("box",)).decides
    assert not ShapeReader({"anyOf": [{"required": ["a"]}]}, ()).decides
