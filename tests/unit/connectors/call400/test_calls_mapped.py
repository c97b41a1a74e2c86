"""Tables of the vendors' documents, one case a line: states, forms of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.mapping.compile import CompiledMapping
from hub.mapping.examples import example_context, example_id
from hub.model.lead import Mapped
from hub.registry.files import SchemaFiles
from hub.steps.mappings import compile_document

FILES = SchemaFiles(Path(__file__).parents[4] / "schemas")
FAILED = (17, *range(108, 112), *range(203, 213), *range(225, 234), 501, 502)
TCCC = {
    1: "answered",
    100: "blocked",
    102: "lost_in_ivr",
    103: "lost_in_queue",
    104: "ring_no_answer",
    105: "no_agent",
    106: "off_hours",
    107: "lost_in_ivr",
    202: "ring_no_answer",
    **dict.fromkeys(FAILED, "failed"),
    0: "unknown",
    999: "unknown",
}
MOOR = {
    "dealing": "answered",
    "notDeal": "ring_no_answer",
    "leak": "lost_in_ivr",
    "queueLeak": "lost_in_queue",
    "blackList": "blocked",
    "voicemail": "voicemail",
    "limit": "over_limit",
    "new": "unknown",
}


def compiled(entity: str) -> CompiledMapping:
    return compile_document(FILES.mapping(f"call400/{entity}/1-0-0"), FILES)


MAPPINGS = {
    name: compiled(name) for name in ("tccc_cdr", "moor_call", "tinet_cdr", "tinet_old_cdr")
}


def mapped(entity: str, **payload: Any) -> Mapped:
    mapping = MAPPINGS[entity]
    return mapping.map(payload, example_context(mapping), example_id)


def result(found: Mapped) -> str:
    (call,) = found.interactions
    return str(call.doc["result"])


@pytest.mark.parametrize(("status", "expected"), TCCC.items())
def test_every_state_of_tccc_has_its_result(status: int, expected: str) -> None:
    found = mapped("tccc_cdr", SessionId="s", Direction=0, EndStatus=status)

    assert result(found) == expected
    assert found.interactions[0].doc["result_raw"] == str(status)


@pytest.mark.parametrize(("state", "expected"), MOOR.items())
def test_every_state_of_7moor_has_its_result(state: str, expected: str) -> None:
    assert (
        result(mapped("moor_call", CallSheetID="c", CallState="Hangup", State=state)) == expected
    )


@pytest.mark.parametrize(
    ("status", "new", "old"),
    [
        (1, "answered", "unknown"),
        (24, "unknown", "ring_no_answer"),
        (28, "unknown", "answered"),
        (2, "ring_no_answer", "unknown"),
    ],
)
def test_one_number_means_two_things_in_two_products(status: int, new: str, old: str) -> None:
    payload = {"cdr_main_unique_id": "c", "cdr_call_type": 1, "cdr_status": status}

    assert result(mapped("tinet_cdr", **payload)) == new
    assert result(mapped("tinet_old_cdr", **payload)) == old


@pytest.mark.parametrize(
    "number",
    [
        "19900000001",
        "019900000001",
        "8619900000001",
        "+8619900000001",
        "008619900000001",
        "199 0000 0001",
    ],
)
def test_a_mobile_is_one_however_it_is_written(number: str) -> None:
    (lead,) = mapped("tccc_cdr", SessionId="s", Direction=0, Caller=number).leads

    assert [key.value for key in lead.keys] == ["+8619900000001"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("075588880000", "landline"),
        ("4001234567", "service"),
        ("199****0001", "masked"),
        ("199********", "masked"),
    ],
)
def test_other_numbers_recognise_nobody(number: str, kind: str) -> None:
    (lead,) = mapped("tccc_cdr", SessionId="s", Direction=0, Caller=number).leads

    assert lead.keys == ()
    assert [phone["kind"] for phone in lead.doc["phones"]] == [kind]


@pytest.mark.parametrize("number", ["anonymous", "", None])
def test_a_call_without_a_number_is_a_lead_all_the_same(number: str | None) -> None:
    (lead,) = mapped("tccc_cdr", SessionId="s", Direction=0, Caller=number).leads

    assert (lead.keys, lead.external_id) == ((), "s")


@pytest.mark.parametrize("seat", ["测试一", {}, None, {"Name": None}, ["x"]])
def test_a_seat_of_another_shape_costs_nothing_but_the_agent(seat: Any) -> None:
    found = mapped("tccc_cdr", SessionId="s", Direction=0, SeatUser=seat)

    assert len(found.leads) == 1
    assert "agent" not in found.interactions[0].doc
