"""What the register makes of a lead's own words, and what a path is made of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.attribution.models import Rules, Touch
from hub.attribution.register import Campaign, FindingKind, Register
from hub.attribution.rules import AttributionRules, Naming, parse_attribution
from hub.attribution.touches import Desk, LeadSaid, Seen, encounters
from hub.errors import ConfigError

LIVE = Campaign("douyin_live_202602_q4", "douyin", "live", "douyin", "live")
REGISTER = Register(
    {LIVE.utm_campaign: LIVE},
    {("main", "project_id", "72"): LIVE.utm_campaign},
    {(LIVE.utm_campaign, "c2"): "素材包"},
)
RULES = AttributionRules(
    "1",
    Rules(),
    Naming(("douyin",), ("live",)),
    kind_channels={"referral": "referral", "search": "search"},
    platform_channels={"douyin": "douyin"},
    search_hosts=("baidu.com",),
)
AT = datetime(2026, 2, 1, tzinfo=UTC)


def seen(at: int, number: str, campaign: str = "") -> Seen:
    return Seen(Touch(number, at, "lead", "web", campaign), "main")


def lead(doc: dict[str, Any]) -> list[Seen]:
    said = LeadSaid(UUID(int=1), "main", "douyin", AT, doc)
    return list(Desk(REGISTER, RULES).of_lead(said))


@pytest.mark.parametrize(
    ("said", "by"),
    [
        ({"utm_campaign": "Douyin_Live_202602_Q4"}, "utm_campaign"),
        ({"utm_source": LIVE.utm_campaign, "utm_campaign": "other"}, "utm_source"),
        ({"project_id": "72"}, "project_id"),
        ({"utm_campaign": "unknown", "project_id": "72"}, "project_id"),
    ],
)
def test_own_utm_speaks_before_the_platforms_id(said: dict[str, str], by: str) -> None:
    placed = REGISTER.place("main", said)

    assert (placed.campaign, placed.by, placed.finding) == (LIVE, by, None)


def test_an_id_of_another_account_is_not_the_campaigns() -> None:
    placed = REGISTER.place("other", {"project_id": "72"})

    assert (placed.campaign, placed.finding) == (None, FindingKind.UNKNOWN_ID)
    assert placed.claimed == "project_id=72"


def test_a_macro_and_an_unknown_name_are_findings_and_silence_is_none() -> None:
    assert REGISTER.place("main", {}, ["macro_unreplaced"]).finding == FindingKind.MACRO
    assert REGISTER.place("main", {"utm_campaign": "x"}).finding == FindingKind.UNKNOWN_UTM
    assert REGISTER.place("main", {}).finding is None


def test_a_lead_without_url_gets_its_utm_from_the_register() -> None:
    [one] = lead({"project_id": "72", "submitted_at": "2026-02-01T00:00:00.000Z"})

    assert dict(one.utm) == LIVE.utm
    assert one.by == "project_id"


def test_of_two_names_of_a_creative_the_registered_one_counts() -> None:
    placed = REGISTER.place("main", {"project_id": "72", "creative_id": "c1", "utm_content": "c2"})

    assert placed.creative == "c2"


def test_a_slot_with_an_open_end_never_ends() -> None:
    opened = Campaign("a_b_202602", "a", "b", "a", "b", starts_on=date(2026, 2, 1))

    assert opened.runs_on(date(2030, 1, 1))
    assert not opened.runs_on(date(2026, 1, 31))


def test_a_visit_without_campaign_or_search_engine_is_no_touch() -> None:
    points = [
        {"kind": "lead"},
        {"kind": "first_touch", "occurred_at": "2026-01-01T00:00:00.000Z"},
        {"kind": "last_touch", "occurred_at": "2026-01-02T00:00:00.000Z",
         "referrer": "https://m.baidu.com/s?wd=x"},
    ]  # fmt: skip

    kinds = [one.touch.kind for one in lead({"touchpoints": points})]

    assert kinds == ["lead", "search"]


@pytest.mark.parametrize(
    "referrer", ["https://[", "baidu.com", "https://notbaidu.com/", "", None, 7]
)
def test_an_odd_referrer_is_no_search_engine(referrer: object) -> None:
    [one] = lead({"referrer": referrer})

    assert one.touch.kind == "lead"


def test_the_visit_that_two_forms_tell_of_is_one() -> None:
    visit = {"kind": "first_touch", "occurred_at": "2026-01-01T00:00:00.000Z", "utm_source": "x"}
    both = [
        one
        for n in (1, 2)
        for one in Desk(REGISTER, RULES).of_lead(
            LeadSaid(UUID(int=n), "main", "douyin", AT, {"touchpoints": [{"kind": "lead"}, visit]})
        )
    ]

    visits = [one for one in encounters(both, 0) if one.touch.kind == "visit"]

    assert len(visits) == 1


def test_touches_of_one_cell_within_minutes_are_one_encounter_and_the_first_speaks() -> None:
    found = encounters([seen(1000, "b", "x"), seen(100, "a", "x"), seen(4000, "c", "x")], 1800)

    assert [one.touch.id for one in found] == ["a", "c"]


@given(st.lists(st.tuples(st.integers(0, 5000), st.sampled_from("xyz")), max_size=4))
def test_encounters_do_not_depend_on_the_order_of_what_came(found: list[tuple[int, str]]) -> None:
    touches = [seen(at, f"{n}", campaign) for n, (at, campaign) in enumerate(found)]

    told = {tuple(encounters(order, 600)) for order in permutations(touches)}

    assert len(told) == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"version": 1},
        {"version": 1, "naming": {"channels": "douyin", "forms": []}},
        {"version": 1, "naming": {"channels": [], "forms": []}, "position": {"middle": 3}},
        {"version": 1, "naming": {"channels": [], "forms": []}, "position": {"first": -3}},
        {"version": 1, "naming": {"channels": [], "forms": []}, "report_model": "guess"},
        {"version": 1, "naming": {"channels": [], "forms": []}, "nonsense": 1},
    ],
)
def test_rules_that_make_no_sense_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"attribution\.yaml"):
        parse_attribution(document)
