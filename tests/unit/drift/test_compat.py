"""Verdicts on labelled pairs, and the words around them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.drift.compat import Verdict, compare
from hub.drift.keywords import validator
from hub.drift.sample import sample
from hub.errors import ConfigError
from tests.unit.drift.pairs import (
    OPEN,
    OPEN_AFTER,
    PAIRS,
    STRICT,
    STRICT_AFTER,
    TEXT,
    Pair,
    an_object,
)

CONTRACTS = sorted((Path(__file__).parents[3] / "schemas").glob("*/**/*.json"))


def label(verdict: Verdict) -> str:
    if verdict.state == "breaks":
        return "unlisted" if verdict.unlisted else "breaks"
    return "ok" if verdict.state == "compatible" else verdict.state


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_verdict_is_the_label(pair: Pair):
    found = compare(pair.old, pair.new)

    assert label(found.reads_new) in pair.reads_new.split()
    assert label(found.reads_old) == pair.reads_old
    assert sorted(change.kind for change in found.changes) == sorted(pair.kinds)
    assert found.step == pair.step


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_witness_is_valid_on_one_side_only(pair: Pair):
    found = compare(pair.old, pair.new)

    if found.reads_new.state == "breaks":
        assert validator(pair.new).is_valid(found.reads_new.witness)
        assert not validator(pair.old).is_valid(found.reads_new.witness)
    if found.reads_old.state == "breaks":
        assert validator(pair.old).is_valid(found.reads_old.witness)
        assert not validator(pair.new).is_valid(found.reads_old.witness)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_turned_around_the_sides_change_places(pair: Pair):
    there, back = compare(pair.old, pair.new), compare(pair.new, pair.old)

    assert (there.reads_new, there.reads_old) == (back.reads_old, back.reads_new)


def test_there_are_enough_pairs_and_each_has_its_own_name():
    assert len({pair.name for pair in PAIRS}) == len(PAIRS) >= 40


def test_the_founding_story_shows_the_payload_that_was_refused():
    """A reader that allows no further field refuses every lead that carries the new one."""
    found = compare(STRICT, STRICT_AFTER)

    assert found.reads_new.witness == {"uid": "a", "douyin_id": "a"}
    assert found.reads_new.pointer == "/douyin_id"
    assert [(c.kind, c.pointer) for c in found.changes] == [("field_added_required", "/douyin_id")]


def test_an_open_reader_would_not_have_noticed():
    found = compare(OPEN, OPEN_AFTER)

    assert found.changes[0].reads_new == "compatible"
    assert found.changes[0].reads_old == "breaks"
    assert found.reads_old.witness == {"uid": "a"}


def test_every_change_says_which_side_it_breaks():
    old = an_object(("a",), a=TEXT, b=TEXT)
    new = an_object(("a",), a={"type": ["string", "null"]}, b={"type": "string", "minLength": 1})

    states = {c.pointer: (c.reads_new, c.reads_old) for c in compare(old, new).changes}

    assert states == {"/a": ("breaks", "compatible"), "/b": ("compatible", "breaks")}


def test_breaks_by_fields_named_nowhere_can_be_set_aside():
    verdict = compare(OPEN, an_object(("uid",), uid=TEXT, fan_level=TEXT)).reads_old

    assert not verdict.holds()
    assert verdict.holds(ignore_unlisted=True)


def test_setting_aside_does_not_hide_what_is_undecided():
    new = {**an_object(("uid",), uid=TEXT, fan_level=TEXT), "not": {"required": ["z"]}}

    assert not compare(OPEN, new).reads_old.holds(ignore_unlisted=True)


def test_a_pointer_escapes_slash_and_tilde():
    old = {"properties": {"a/b~c": TEXT}}
    new = {"properties": {"a/b~c": {"type": "integer"}}}

    assert compare(old, new).changes[0].pointer == "/a~1b~0c"


def test_a_break_in_an_item_has_a_witness_with_that_item():
    old = an_object(p={"type": "array", "items": an_object(v=TEXT)})
    new = an_object(p={"type": "array", "items": an_object(v={"type": ["string", "null"]})})

    verdict = compare(old, new).reads_new

    assert (verdict.pointer, verdict.witness) == ("/p/0/v", {"p": [{"v": None}]})


def test_what_is_no_schema_is_refused():
    with pytest.raises(ConfigError, match="not a JSON Schema"):
        compare({"type": "strin"}, {})


@pytest.mark.parametrize("url", ["https://example.com/a.json", "#/$defs/gone"])
def test_a_reference_that_leads_away_is_undecided_and_not_followed(url: str):
    found = compare(an_object(f=TEXT), an_object(f={"$ref": url}))

    assert found.reads_old.state == "undecided"


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_shipped_contract_has_a_sample_and_agrees_with_itself(path: Path):
    contract = json.loads(path.read_text("utf-8"))

    assert validator(contract).is_valid(sample(contract))
    assert compare(contract, json.loads(path.read_text("utf-8"))).step == "NONE"


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_field_of_a_shipped_contract_is_decided_when_it_becomes_required(path: Path):
    contract = json.loads(path.read_text("utf-8"))
    for name in contract["properties"]:
        if name not in contract.get("required", ()):
            after = {**contract, "required": [*contract.get("required", ()), name]}
            found = compare(contract, after)

            assert found.reads_new.state == "compatible"
            assert found.reads_old.pointer == f"/{name}"
