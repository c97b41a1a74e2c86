"""A proposal's documents: versions, verdicts, tests, samples, and what changes nothing."""

from __future__ import annotations

import pytest

from hub.drift.kinds import Kind
from hub.drift.propose import propose
from hub.errors import ConfigError
from tests.unit.drift.situations import (
    COMPILE,
    CONTRACT,
    MAPPING,
    TAGS,
    A,
    a_payload,
    a_proposal,
    a_situation,
    added,
    mapped,
    payloads,
    said,
)


def test_nothing_is_ever_added_to_what_is_required() -> None:
    finding = A(Kind.FIELD_ADDED_REQUIRED, "/fan_level", {"required": True})
    found = a_proposal([finding], payloads(fan_level=3))

    assert found.contract is not None
    assert found.contract["required"] == CONTRACT["required"]
    assert found.contract["properties"]["fan_level"]["x-required-upstream"] is True


def test_a_closed_contract_opens_for_what_came() -> None:
    closed = {**CONTRACT, "additionalProperties": False}
    strict = {**MAPPING, "off_contract": "hold"}
    found = a_proposal(added("fan_level"), payloads(fan_level=3), contract=closed, mapping=strict)

    assert found.contract is not None
    assert found.contract["additionalProperties"] is False
    assert (found.step, found.contract["$id"]) == ("ADDITION", "raw/demo/lead/1-0-1")
    [producer, readers, archive] = found.verdicts
    assert (producer.state, readers.state, archive.state) == ("breaks", "compatible", "compatible")
    assert COMPILE(strict, closed).run(producer.witness).held is not None
    assert mapped(found, producer.witness).held is None


def test_a_changed_source_breaks_readers_with_a_witness() -> None:
    found = a_proposal(
        added("customer_name"), payloads(customer_name="测试三"), answers={"name": "repoint"}
    )

    readers = found.verdicts[1]
    assert (readers.side, readers.state) == ("readers", "breaks")
    assert "customer_name" in readers.reason
    assert found.mapping["mapping"] == "demo/lead/2-0-0"


def test_versions_that_are_taken_are_passed_over() -> None:
    taken = frozenset({"demo/lead/1-0-1", "raw/demo/lead/1-1-0"})
    found = a_proposal(added("fan_level"), payloads(fan_level=3), taken=taken)

    assert found.mapping["mapping"] == "demo/lead/1-0-2"
    assert found.contract is not None
    assert found.contract["$id"] == "raw/demo/lead/1-2-0"


def test_the_proposal_brings_a_test_of_its_own_and_keeps_the_old_ones() -> None:
    found = a_proposal(added(*TAGS), payloads(30, **TAGS))

    assert len(found.mapping["tests"]) == len(MAPPING["tests"]) + 1
    assert "fan_level" in found.mapping["tests"][-1]["payload"]
    assert COMPILE(found.mapping, found.contract or CONTRACT).failing_tests() == []


def test_an_old_test_that_changes_is_a_line_of_its_own() -> None:
    strange = {**MAPPING, "tests": [{**MAPPING["tests"][0], "payload": a_payload(customer_name="测试三"),
                                     "expect": {"doc": {"name": "测试一"}}}]}  # fmt: skip
    found = a_proposal(added("customer_name"), payloads(customer_name="测试三"), mapping=strange,
                       answers={"name": "repoint"})  # fmt: skip

    assert "test 'a lead' of the mapping expects something else now" in said(found)
    assert found.mapping["tests"][0]["expect"] == {"doc": {"name": "测试三"}}


def test_ten_samples_show_the_change() -> None:
    found = a_proposal(added(*TAGS), payloads(30, **TAGS))

    assert len(found.samples) == 10
    assert all(name in sample for sample in found.samples for name in TAGS)
    assert all(mapped(found, sample).docs for sample in found.samples)
    assert len({sample["phone"] for sample in found.samples}) == 10


def test_answers_that_fit_no_question_are_refused() -> None:
    with pytest.raises(ConfigError, match="asks nothing"):
        propose(a_situation(added("fan_level"), payloads(fan_level=1), answers={"x": "y"}))


def test_a_name_that_is_data_changes_nothing() -> None:
    found = a_proposal([A(Kind.FIELD_ADDED, "/<data>")], payloads())

    assert found.contract is None
    assert found.mapping == MAPPING
    assert "the name itself is data" in said(found)


def test_silence_changes_no_mapping() -> None:
    found = a_proposal([A(Kind.SILENCE, "")], payloads())

    assert (found.mapping, found.contract) == (MAPPING, None)


def test_without_any_payload_the_contract_still_takes_what_came() -> None:
    """Erased, or older than what is looked at: the finding alone says that the field is there."""
    found = a_proposal(added("fan_level"), [])

    assert found.contract is not None
    assert "fan_level" in found.contract["properties"]
    assert found.mapping["extensions"]["fan_level"]["type"] == "text"
