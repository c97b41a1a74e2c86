"""The webform connector: what the loader gets, and that nothing can make it raise."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.base import connector_for
from hub.connectors.webform import CONNECTOR
from hub.connectors.webform.submission import FORM_TYPE
from hub.model.delivery import Envelope, HookRequest
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
