"""Verdicts hold whatever the contracts: against payloads that nobody thought of."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.drift.compat import Verdict, compare
from hub.drift.keywords import validator
from hub.drift.subsume import findings

NAMES = ("a", "b", "c")
TYPES = ("null", "boolean", "integer", "number", "string")
CALM = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([0.5, 1.0, 2.5]),
    st.sampled_from(["", "a", "x", "高", "110000"]),
)
BOUNDS = st.sampled_from(
    [
        {"minimum": 0},
        {"minimum": 1, "maximum": 2},
        {"exclusiveMinimum": 0},
        {"minLength": 1},
        {"maxLength": 1},
        {"pattern": r"^\d{6}$"},
        {"multipleOf": 2},
        {"enum": ["a", 1, None]},
        {"const": True},
        {"enum": [1, 1.5, "x"]},
        {"not": {"const": "a"}},
        {},
        {},
    ]
)
LEAVES = st.builds(
    lambda types, bound: {**({"type": types} if types else {}), **bound},
    st.lists(st.sampled_from(TYPES), max_size=3, unique=True),
    BOUNDS,
)


def objects(fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda properties, required, further, extra: {
            "type": "object",
            "properties": properties,
            "required": sorted(required),
            **further,
            **extra,
        },
        st.dictionaries(st.sampled_from(NAMES), fields, max_size=3),
        st.sets(st.sampled_from(NAMES), max_size=2),
        st.sampled_from(
            [{}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}]
        ),
        st.sampled_from(
            [
                {},
                {},
                {"minProperties": 1},
                {"maxProperties": 2},
                {"allOf": [{"required": ["a"]}]},
                {"patternProperties": {"^c": {"type": "integer"}}},
            ]
        ),
    )


def arrays(items: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda inner, bound: {"type": "array", "items": inner, **bound},
        items,
        st.sampled_from(
            [
                {},
                {"minItems": 1},
                {"maxItems": 1},
                {"uniqueItems": True},
                {"prefixItems": [{"type": "string"}]},
            ]
        ),
    )


INNER = LEAVES | st.booleans() | objects(LEAVES) | arrays(LEAVES)
CONTRACTS = objects(INNER)
DEEP = (
    SCALARS
    | st.lists(SCALARS, max_size=2)
    | st.dictionaries(st.sampled_from([*NAMES, "d"]), SCALARS, max_size=3)
)
PAYLOADS = st.dictionaries(st.sampled_from([*NAMES, "d"]), DEEP, max_size=4) | SCALARS.map(
    lambda value: {"a": value}
)


def variant(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A contract that differs in one part: compatible pairs are rare among unrelated ones."""
    keys = ("properties", "required", "additionalProperties", "minProperties", "allOf")
    return st.builds(
        lambda other, key: {
            **{k: v for k, v in schema.items() if k != key},
            **({key: other[key]} if key in other else {}),
        },
        CONTRACTS,
        st.sampled_from(keys),
    )


ONE_FIELD = LEAVES.map(lambda leaf: {"type": "object", "properties": {"a": leaf}})
PAIRS = CONTRACTS.flatmap(lambda one: st.tuples(st.just(one), variant(one))) | st.tuples(
    ONE_FIELD, ONE_FIELD
)


@CALM
@given(PAIRS, st.lists(PAYLOADS, min_size=40, max_size=60))
def test_no_payload_contradicts_compatible(pair, payloads):
    old, new = pair
    found = compare(old, new)
    under_old, under_new = validator(old), validator(new)

    for payload in payloads:
        if found.reads_new.state == "compatible" and under_new.is_valid(payload):
            assert under_old.is_valid(payload)
        if found.reads_old.state == "compatible" and under_old.is_valid(payload):
            assert under_new.is_valid(payload)


def broken_by(verdict: Verdict, reader: Any, writer: Any) -> bool:
    valid = validator(writer).is_valid(verdict.witness)
    return bool(valid and not validator(reader).is_valid(verdict.witness))


@CALM
@given(PAIRS)
def test_every_witness_breaks(pair):
    old, new = pair
    found = compare(old, new)

    if found.reads_new.state == "breaks":
        assert broken_by(found.reads_new, reader=old, writer=new)
    if found.reads_old.state == "breaks":
        assert broken_by(found.reads_old, reader=new, writer=old)
    for reader, writer in ((old, new), (new, old)):
        for one in findings(reader, writer):
            assert one.decided is (one.witness is not None)


@CALM
@given(CONTRACTS)
def test_a_contract_reads_itself(contract):
    assert compare(contract, dict(contract)).step == "NONE"


@CALM
@given(PAIRS)
def test_what_breaks_is_among_the_changes(pair):
    """A person who reads the table sees a line for every break."""
    found = compare(*pair)

    if "breaks" in (found.reads_new.state, found.reads_old.state):
        assert found.changes


RULES: list[dict[str, Any]] = [
    {},
    {"minimum": 1},
    {"exclusiveMinimum": 0, "maximum": 2},
    {"minLength": 1},
    {"maxLength": 1},
    {"pattern": r"^\d{6}$"},
    {"multipleOf": 2},
    {"enum": ["a", 1, None]},
    {"const": True},
    {"not": {"const": "a"}},
]
KINDS: list[dict[str, Any]] = [{}, {"type": "string"}, {"type": ["number", "null"]}]
VALUES: list[Any] = [None, True, False, 0, 1, 2, 3, -1, 0.5, 1.5, "", "a", "x", "ab", "110000"]


def test_every_pair_of_single_rules_holds_for_every_value():
    """Drawn pairs seldom set a list of values against none; here every rule meets every other."""
    leaves = [{**kind, **rule} for kind in KINDS for rule in RULES]
    valid = [[validator(leaf).is_valid(value) for value in VALUES] for leaf in leaves]

    for reader, reads in zip(leaves, valid, strict=True):
        for writer, writes in zip(leaves, valid, strict=True):
            found = findings(reader, writer)
            refused = any(w and not r for r, w in zip(reads, writes, strict=True))
            assert found or not refused, (reader, writer)
