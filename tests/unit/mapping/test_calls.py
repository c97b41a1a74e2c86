"""What call records need of the mapping language: lengths, expiries, masks, interactions without a lead."""

from __future__ import annotations

import pytest

from hub.errors import ConfigError
from tests.unit.mapping.builders import a_mapping, run, transform

BEGIN, END = 1763784020, 1763784065
A_CALL = {"key": {"entity": "call", "id": "id"}, "fields": {"kind": {"const": "call"}}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([BEGIN, END, 45], {"duration_s": 45}),
        ([BEGIN, END, "43"], {"duration_s": 45}),
        ([BEGIN, END, 42], {"duration_s": 45, "marks": ["duration_differs"]}),
        ([BEGIN, END], {"duration_s": 45}),
        ([0, END, 0], {"duration_s": 0}),
        ([None, END, None], None),
        (["2026-11-22 12:00:10", "2026-11-22 12:01:00", None], {"duration_s": 50}),
    ],
)
def test_a_calls_length_is_what_its_instants_say(value: object, expected: object) -> None:
    assert transform("talk_s", value) == expected


@pytest.mark.parametrize("value", [[END, BEGIN, 1], [BEGIN, "soon", 1], 45])
def test_a_length_that_cannot_be_is_unusable(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        transform("talk_s", value)


def test_what_is_kept_for_a_time_is_gone_later() -> None:
    assert transform("later", BEGIN, 89) == "2026-02-19T04:00:20.000Z"
    assert transform("later", 0, 89) is None


@pytest.mark.parametrize("text", ["138****8000", "1990000****", "138********", "***********"])
def test_a_number_is_masked_whichever_part_is_hidden(text: str) -> None:
    assert transform("phone_cn", text) == {"phones": [{"value": text, "kind": "masked"}]}


def test_a_record_that_is_no_lead_may_still_be_an_interaction() -> None:
    rule = {"when": {"path": "way", "equals": "out"}, "reason": "outbound", "interactions": True}
    mapping = a_mapping(not_a_lead=[rule], interactions=[A_CALL])

    out, back = run(mapping, way="out"), run(mapping, way="in")

    assert (out.not_a_lead, out.leads, len(out.interactions)) == ("outbound", (), 1)
    assert (back.not_a_lead, len(back.leads), len(back.interactions)) == (None, 1, 1)


def test_without_asking_for_it_nothing_is_kept_of_what_is_no_lead() -> None:
    rule = {"when": {"path": "way", "equals": "out"}, "reason": "outbound"}

    assert run(a_mapping(not_a_lead=[rule], interactions=[A_CALL]), way="out").interactions == ()


def test_an_interaction_can_name_the_lead_that_it_belongs_to() -> None:
    mapping = a_mapping(interactions=[{**A_CALL, "lead": "of"}])

    assert run(mapping, of="lead-7").interactions[0].lead_external_id == "lead-7"
    assert run(mapping).interactions[0].lead_external_id is None


def test_a_slip_in_an_interaction_is_named() -> None:
    with pytest.raises(ConfigError, match="laed"):
        a_mapping(interactions=[{**A_CALL, "laed": "of"}])
