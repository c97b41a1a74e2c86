"""The webform connector: what the loader gets, and that nothing can make it raise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.base import connector_for
from hub.connectors.webform import CONNECTOR
from hub.connectors.webform.submission import FORM_TYPE
from hub.mapping.compile import compile_mapping
from hub.model.delivery import Envelope, HookRequest
from hub.model.lead import MappedLead, RecordContext
from hub.settings import SignatureSettings, SourceSettings

SOURCE = SourceSettings(platform="webform", push="form", options={"form": "contact"})


def an_envelope(body: bytes, content_type: str = "application/json", **context: str) -> Envelope:
    given = {"form": "contact", "honeypot": "website_url"} | context
    return Envelope("form", body, content_type=content_type, context=given)


def a_body(**changed: Any) -> bytes:
    document: dict[str, Any] = {
        "form_id": "contact",
        "submission_id": "demo-1",
        "fields": {"name": "张三", "mobile": "19900001234"},
        "trap": {"website_url": "", "t": "contact|1", "sig": "00"},
    }
    return json.dumps(document | changed).encode()


def a_request(body: bytes, content_type: str = "application/json") -> HookRequest:
    return HookRequest("POST", b"", {"content-type": content_type}, body)


def test_the_connector_is_found_by_its_platform() -> None:
    assert connector_for("webform") is CONNECTOR


def test_a_submission_is_one_record_without_its_trap() -> None:
    (record,) = CONNECTOR.split(an_envelope(a_body()), SOURCE)

    assert (record.entity, record.unreadable, record.headers) == ("form", None, {})
    assert msgspec.json.decode(record.payload) == {
        "form_id": "contact",
        "submission_id": "demo-1",
        "fields": {"name": "张三", "mobile": "19900001234"},
    }


def test_the_address_of_the_form_counts_and_not_what_the_body_claims() -> None:
    (record,) = CONNECTOR.split(an_envelope(a_body(form_id="another")), SOURCE)

    assert msgspec.json.decode(record.payload)["form_id"] == "contact"


def test_suspicion_reaches_the_loader() -> None:
    (record,) = CONNECTOR.split(an_envelope(a_body(), suspect="honeypot,too_fast"), SOURCE)

    assert record.headers == {"suspect": "honeypot,too_fast"}


def test_a_plain_form_has_the_id_that_the_receiver_gave_it() -> None:
    envelope = an_envelope(b"name=%D5%C5%C8%FD&website_url=", FORM_TYPE, submission_id="made-1")

    (record,) = CONNECTOR.split(envelope, SOURCE)

    assert msgspec.json.decode(record.payload) == {
        "form_id": "contact",
        "submission_id": "made-1",
        "fields": {"name": "张三"},
    }
    assert record.headers == {"charset": "gb18030"}


def test_bytes_that_cannot_be_read_are_one_unreadable_record() -> None:
    (record,) = CONNECTOR.split(an_envelope(b"name=%FF%FF", FORM_TYPE), SOURCE)

    assert (record.payload, record.unreadable) == (b"name=%FF%FF", "undecodable")


@given(
    st.binary(max_size=200), st.sampled_from(["application/json", FORM_TYPE, "", "x/y; charset=z"])
)
def test_nothing_makes_it_raise_and_every_delivery_is_one_record(
    body: bytes, content_type: str
) -> None:
    (record,) = CONNECTOR.split(an_envelope(body, content_type), SOURCE)

    assert record.entity == "form"


def test_splitting_twice_gives_the_same_records() -> None:
    assert CONNECTOR.split(an_envelope(a_body()), SOURCE) == CONNECTOR.split(
        an_envelope(a_body()), SOURCE
    )


def test_an_unsigned_hook_goes_round_the_traps_and_is_suspect() -> None:
    signed = SOURCE.model_copy(
        update={"signature": SignatureSettings(scheme="static_header", header="x-key")}
    )

    assert CONNECTOR.envelope(a_request(a_body()), SOURCE).context["suspect"] == "unsigned_hook"
    assert "suspect" not in CONNECTOR.envelope(a_request(a_body()), signed).context


@pytest.mark.parametrize(("body", "key"), [(a_body(), "demo-1"), (b"{", None)])
def test_the_delivery_key_is_the_submission_id(body: bytes, key: str | None) -> None:
    assert CONNECTOR.delivery_key(a_request(body), SOURCE) == key


def test_a_hook_has_no_challenge_and_answers_plainly() -> None:
    assert CONNECTOR.challenge(a_request(b""), SOURCE) is None
    assert CONNECTOR.accepted(a_request(b""), SOURCE).status == 202
    assert CONNECTOR.refused(a_request(b""), SOURCE).status == 403


SCHEMAS = Path(__file__).parents[2] / "schemas"
LANDING = "https://www.example.com/?utm_source=baidu&bd_vid=DEMOvid"
TOUCH = {
    "ts": "2026-11-20T01:00:00.000Z",
    "utm_source": "baidu",
    "utm_medium": "cpc",
    "utm_campaign": "brand",
    "utm_id": "77",
    "click": {"bd_vid": "DEMOvid"},
    "click_unknown": {"callback": "DEMO"},
    "landing_url": LANDING,
    "referrer": "https://www.baidu.com/",
}
FROM_HUB_JS = {
    "form_id": "contact",
    "submission_id": "0f8b6a1e7f0e4a559d0e00000000d001",
    "submitted_at": "2026-11-22T04:00:00.000Z",
    "fields": {"name": "小王🐉", "mobile": "19900001234", "need": ["装修", "设计"]},
    "consent": {"privacy": True, "version": "2026-09", "at": "2026-11-22T04:00:00.000Z"},
    "first_touch": TOUCH,
    "last_touch": TOUCH | {"ts": "2026-11-22T03:58:00.000Z"},
    "device": {"visitor_id": "5f0c0d5c2f7f4a0b8c1d2e3f40516273"},
    "landing_url": LANDING,
    "page_url": "https://www.example.com/form",
    "referrer": "https://www.baidu.com/",
    "trap": {"website_url": "", "t": "contact|1", "sig": "00"},
}
FROM_PLAIN_HTML = (
    b"name=%E5%BC%A0%E4%B8%89&mobile=19900001234&utm_source=baidu&bd_vid=DEMOvid"
    b"&privacy=on&consent_version=2026-09&website_url="
)


def payload_of(body: bytes, content_type: str) -> dict[str, Any]:
    envelope = an_envelope(body, content_type, submission_id="made-1")
    (record,) = CONNECTOR.split(envelope, SOURCE)
    decoded: dict[str, Any] = msgspec.json.decode(record.payload)
    return decoded


def mapped(payload: dict[str, Any]) -> MappedLead:
    contract = json.loads((SCHEMAS / "raw/webform/form/1-0-0.json").read_text("utf-8"))
    document = yaml.safe_load((SCHEMAS / "mappings/webform/form/1-0-0.yaml").read_text("utf-8"))
    mapping = compile_mapping(document, contract=contract)
    context = RecordContext(
        merchant="default",
        source_key="form-contact",
        platform="webform",
        entity="form",
        via="form",
        record_id=UUID(int=1),
        received_at=datetime(2026, 11, 22, 4, 0, 1, tzinfo=UTC),
    )
    (lead,) = mapping.map(payload, context, lambda *parts: "-".join(parts)).leads
    return lead


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(json.dumps(FROM_HUB_JS).encode(), "application/json"), (FROM_PLAIN_HTML, FORM_TYPE)],
)
def test_what_it_gives_is_what_its_contract_accepts(body: bytes, content_type: str) -> None:
    lead = mapped(payload_of(body, content_type))

    assert not [mark for mark in lead.doc.get("marks", []) if mark.startswith("off_contract")]
    assert lead.doc["mobile_e164"] == "+8619900001234"
    assert lead.doc["click_ids"] == {"bd_vid": "DEMOvid"}
    assert lead.doc["consent"] | {"at": ""} == {"privacy": True, "version": "2026-09", "at": ""}


def test_a_form_of_hub_js_becomes_a_lead_with_its_touches() -> None:
    lead = mapped(payload_of(json.dumps(FROM_HUB_JS).encode(), "application/json"))

    assert lead.external_id == FROM_HUB_JS["submission_id"]
    assert lead.doc["submitted_at"] == "2026-11-22T04:00:00.000Z"
    assert lead.doc["name"] == "小王🐉"
    assert lead.doc["need"] == ["装修", "设计"]
    assert (lead.doc["utm_source"], lead.doc["utm_id"]) == ("baidu", "77")
    assert lead.doc["landing_url"] == LANDING
    assert lead.doc["device_id"] == "5f0c0d5c2f7f4a0b8c1d2e3f40516273"
    assert {touch["kind"]: touch["occurred_at"] for touch in lead.doc["touchpoints"]} == {
        "lead": "2026-11-22T04:00:00.000Z",
        "first_touch": "2026-11-20T01:00:00.000Z",
        "last_touch": "2026-11-22T03:58:00.000Z",
    }


FAIR = SourceSettings(
    platform="webform",
    options={
        "form": "fair",
        "channel": "qr_code",
        "utm": {"utm_source": "fair", "utm_campaign": "fair_202603"},
    },
)


@pytest.mark.parametrize(
    ("own", "channel"),
    [
        ({}, {"kind": "qr_code", "utm_source": "fair", "utm_campaign": "fair_202603"}),
        ({"last_touch": {"utm_source": "baidu"}}, {"kind": "qr_code"}),
        ({"landing_url": "https://a.example/?utm_source=x"}, {"kind": "qr_code"}),
        ({"fields": {"mobile": "19900001111", "utm_source": "x"}}, {"kind": "qr_code"}),
    ],
)
def test_a_channel_names_its_campaign_only_where_the_post_brings_none(
    own: dict[str, Any], channel: dict[str, str]
) -> None:
    [record] = CONNECTOR.split(an_envelope(a_body(**{"last_touch": {}, **own})), FAIR)

    assert json.loads(record.payload)["channel"] == channel
