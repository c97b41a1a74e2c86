"""The canonical vocabulary as the compiler knows it: each field and its kind.

`schemas/canonical/lead` is the dictionary for people and other programs; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.mapping.values import (
    Clean,
    as_bool,
    as_code,
    as_date,
    as_instant,
    as_int,
    as_list,
    as_mobile,
    as_number,
    as_object,
    as_percent,
    as_raw,
    as_text,
)

KINDS: Mapping[str, Clean] = {
    "text": as_text,
    "int": as_int,
    "number": as_number,
    "bool": as_bool,
    "date": as_date,
    "instant": as_instant,
    "mobile": as_mobile,
    "list": as_list,
    "object": as_object,
    "code": as_code,
    "percent": as_percent,
    "json": as_raw,
}

EXTENSION_TYPES = ("text", "int", "number", "bool", "date", "instant", "list")

_UTM = {
    f"utm_{name}": "text" for name in ("source", "medium", "campaign", "term", "content", "id")
}

TOUCH_FIELDS: Mapping[str, str] = {
    "occurred_at": "instant",
    **_UTM,
    "click_ids": "object",
    "campaign_id": "text",
    "ad_id": "text",
    "creative_id": "text",
    "project_id": "text",
    "landing_url": "text",
    "referrer": "text",
}

LEAD_FIELDS: Mapping[str, str] = {
    **{name: kind for name, kind in TOUCH_FIELDS.items() if name != "occurred_at"},
    "submitted_at": "instant",
    "name": "text",
    "mobile_e164": "mobile",
    "phones": "json",
    "phone_hash_sha256": "text",
    "phone_hash_md5": "text",
    "email": "text",
    "wechat_id": "text",
    "wechat_unionid": "text",
    "wechat_openid": "text",
    "wechat_app_id": "text",
    "wecom_external_userid": "text",
    "wecom_corp_id": "text",
    "douyin_id": "text",
    "id_number": "text",
    "qq": "text",
    "gender": "text",
    "age": "int",
    "province_code": "code",
    "city_code": "code",
    "district_code": "code",
    "address": "text",
    "company": "text",
    "company_credit_code": "text",
    "company_tax_number": "text",
    "job_title": "text",
    "need": "list",
    "product_interest": "list",
    "intent": "percent",
    "intent_raw": "text",
    "budget_min_fen": "int",
    "budget_max_fen": "int",
    "message": "text",
    "referrer_person": "text",
    "device_id": "text",
    "consent.privacy": "bool",
    "consent.version": "text",
    "consent.at": "instant",
}

# Objects whose members a mapping names freely: `platform_state.clue_state`.
OPEN_GROUPS: Mapping[str, str] = {"platform_state": "json", "store": "text"}

INTERACTION_FIELDS: Mapping[str, str] = {
    "kind": "text",
    "occurred_at": "instant",
    "answered_at": "instant",
    "ended_at": "instant",
    "duration_s": "int",
    "direction": "text",
    "line": "text",
    "result": "text",
    "result_raw": "text",
    "agent": "text",
    "mobile_e164": "mobile",
    "phones": "json",
    "recording_url": "text",
    "recording_ref": "text",
    "recording_expires_at": "instant",
    "message": "text",
}


def lead_kind(target: str) -> str | None:
    """The kind of a lead field (`consent.privacy`, `platform_state.x`), None if there is no such field."""
    group, _, member = target.partition(".")
    if member and group in OPEN_GROUPS:
        return OPEN_GROUPS[group]
    return LEAD_FIELDS.get(target)
