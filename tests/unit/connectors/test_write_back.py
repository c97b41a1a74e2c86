"""What a platform would be told of a lead: the documented fields, and a refusal in words where they are not."""

from __future__ import annotations

from typing import Any

import pytest

from hub.connectors.base import connector_for
from hub.connectors.write_back import FollowUp
from hub.connectors.xiaohongshu.write_back import aurora_sign
from hub.errors import ConfigError
from hub.settings import SourceSettings

IDS = {"campaign_id": "C1", "ad_id": "U1", "creative_id": "R1"}
MEITUAN = SourceSettings(
    platform="meituan",
    push="message_push",
    options={
        "followup_fields": {"external_id": "demoId", "state": "demoStatus", "note": "demoRemark"},
        "followup_states": {"called": 2},
    },
)
XHS = SourceSettings(platform="xiaohongshu", push="form_push")
DOUYIN = SourceSettings(platform="douyin", account="1700000000000001", pulls=("clue",))


def told(state: str, note: str = "", external_id: str = "L1", **lead: Any) -> FollowUp:
    return FollowUp(external_id, state, note, lead or IDS)


def follow_up(source: SourceSettings, what: FollowUp) -> tuple[str, dict[str, Any]]:
    connector: Any = connector_for(source.platform)
    call = connector.follow_up(what, source)
    return call.path, dict(call.document)


def test_meituan_hears_it_under_the_names_that_the_settings_give() -> None:
    """The fields of addfollowup are not public: no name of them stands in the code."""
    assert follow_up(MEITUAN, told("called", "约了周六")) == (
        "/ddzh/customercenter/addfollowup",
        {"demoId": "L1", "demoStatus": 2, "demoRemark": "约了周六"},
    )


@pytest.mark.parametrize(
    ("options", "state", "words"),
    [
        ({}, "called", "followup_fields"),
        ({"followup_fields": {"external_id": "demoId"}}, "called", "followup_fields"),
        (MEITUAN.options, "sold", "called"),
        ({**MEITUAN.options, "profile": "beijixing"}, "called", "mtop"),
    ],
)
def test_meituan_is_not_told_by_a_guess(options: dict[str, Any], state: str, words: str) -> None:
    source = MEITUAN.model_copy(update={"options": options})

    with pytest.raises(ConfigError, match=words):
        follow_up(source, told(state))


def test_a_form_lead_of_xiaohongshu_is_named_by_four_ids() -> None:
    path, document = follow_up(XHS, told("valid"))

    assert path == "/api/hawking/leads/return"
    assert document == {"campaignId": "C1", "unitId": "U1", "creativityId": "R1", "leadsId": "L1"}


@pytest.mark.parametrize(
    ("push", "what", "words"),
    [
        ("form_push", told("invalid"), "valid"),
        ("form_push", told("valid", campaign_id="C1"), "ad_id, creative_id"),
        ("dm_push", told("valid"), "form_push"),
    ],
)
def test_what_xiaohongshu_takes_no_word_of_is_refused(
    push: str, what: FollowUp, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        follow_up(XHS.model_copy(update={"push": push}), what)


@pytest.mark.parametrize("state", ["visited", "527"])
def test_a_lead_of_an_ad_account_is_told_by_the_vendors_number(state: str) -> None:
    path, document = follow_up(DOUYIN, told(state, "到店", external_id="7400000000000000001"))

    assert path == "/open_api/2/tools/clue/callback/"
    assert document == {
        "advertiser_ids": [1700000000000001],
        "source": 1,
        "clue_id": "7400000000000000001",
        "clue_convert_state": 527,
        "source_type": 1,
        "event_data": {"reason_message": "到店"},
    }


@pytest.mark.parametrize(
    ("what", "words"),
    [(told("happy", external_id="74"), "confirmed"), (told("paid", external_id="x7"), "clue_id")],
)
def test_what_douyin_does_not_know_is_refused(what: FollowUp, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        follow_up(DOUYIN, what)


def test_the_sign_of_conversions_is_that_of_the_public_client() -> None:
    """Whether the platform really wants it without `=` is not known."""
    given: Any = {"method": "aurora.leads", "timestamp_ms": 1735689600000, "version": "1.0"}

    assert aurora_sign("A1", **given) == "544a013b0efdf02a3e2e59a4a119b1ca"
    assert aurora_sign("A1", **given, with_equals=True) != aurora_sign("A1", **given)
