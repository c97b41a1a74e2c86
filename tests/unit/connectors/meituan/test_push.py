"""Messages of Meituan: how they are read, what names them, what is kept while nothing is verified."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.connectors.meituan import CONNECTOR
from hub.connectors.meituan.options import options_of
from hub.errors import ConfigError
from hub.model.delivery import HookRequest
from hub.settings import SourceSettings
from tests.connectors.test_meituan import FIELDS, FORM, MESSAGE, READ, a_push, a_source


def split(request: HookRequest, source: SourceSettings) -> tuple[dict[str, Any], str | None]:
    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, source), source)
    assert record.unreadable is None
    return json.loads(record.payload), record.account


def test_the_community_shape_of_a_push_is_read() -> None:
    """The example of the notes, section 4."""
    body = (
        b"developerId=100001&businessId=58&msgType=DEMO&msgId=m-1&timestamp=1735689600"
        b"&opBizCode=demo&message=%7B%22name%22%3A%22%E5%BC%A0%E4%B8%89%22%7D&sign=abc"
    )
    request = HookRequest("POST", b"", {"content-type": FORM}, body)

    payload, account = split(request, a_source("sorted_sha1"))

    assert payload["message"] == {"name": "张三"}
    assert "sign" not in payload
    assert account == "demo"


def test_on_first_contact_the_signature_and_the_text_it_signs_are_kept() -> None:
    payload, _ = split(a_push({**FIELDS, "sign": "abc"}), a_source("record_only"))

    assert payload == {**READ, "sign": "abc", "message_text": FIELDS["message"]}


@pytest.mark.parametrize("text", ["", "你好", "12", '"x"', "{", '{"a":}', "[" * 100_000, "null"])
def test_a_message_that_is_no_object_or_list_stays_text(text: str) -> None:
    payload, _ = split(a_push({**FIELDS, "message": text}), a_source("sorted_sha1"))

    assert payload["message"] == text


def test_large_numbers_of_a_message_stay_exact() -> None:
    request = a_push({**FIELDS, "message": '{"id": 12345678901234567890123, "x": 1.10}'})
    source = a_source("sorted_sha1")
    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, source), source)

    assert b"12345678901234567890123" in record.payload
    assert b"1.10" in record.payload


def test_a_push_as_json_and_a_push_by_get_are_read_too() -> None:
    as_json = HookRequest(
        "POST", b"", {"content-type": "application/json"}, json.dumps(FIELDS).encode()
    )
    by_get = HookRequest("GET", urlencode(FIELDS).encode(), {}, b"")

    for request in (as_json, by_get):
        assert split(request, a_source("sorted_md5"))[0] == READ
        assert CONNECTOR.delivery_key(request, a_source("sorted_md5")) == "58:DEMO:m-1"


def test_a_json_push_may_hold_the_message_as_an_object() -> None:
    body = json.dumps({**FIELDS, "message": MESSAGE}).encode()
    request = HookRequest("POST", b"", {"content-type": "application/json"}, body)

    assert split(request, a_source("record_only"))[0] == READ


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, "58:DEMO:m-1"),
        ({"businessId": "59"}, "59:DEMO:m-1"),
        ({"msgType": "OTHER"}, "58:OTHER:m-1"),
        ({"timestamp": "1735689999", "sign": "new"}, "58:DEMO:m-1"),
        ({"msgId": ""}, None),
    ],
)
def test_a_retried_message_has_the_same_key_and_another_has_not(
    changes: dict[str, str], key: str | None
) -> None:
    request = a_push({**FIELDS, **changes})

    assert CONNECTOR.delivery_key(request, a_source("sorted_sha1")) == key


def test_the_names_of_fields_are_settings() -> None:
    fields = {"kind": "7", "no": "n-1", "shop": "s-1", "content": '{"a":1}'}
    source = a_source(
        "none", message_field="content", id_fields=["kind", "no"], account_fields=["shop"]
    )

    assert split(a_push(fields), source) == ({**fields, "content": {"a": 1}}, "s-1")
    assert CONNECTOR.delivery_key(a_push(fields), source) == "7:n-1"


def test_a_constant_field_that_guards_is_no_part_of_the_record() -> None:
    source = a_source("static_body")
    source = source.model_copy(
        update={"signature": source.signature.model_copy(update={"field": "token"})}
    )

    payload, _ = split(a_push({**FIELDS, "token": "demo-constant"}), source)

    assert "demo-constant" not in json.dumps(payload)


def test_there_is_no_challenge_to_answer() -> None:
    """Whether the platform checks an address when it is registered is not known."""
    request = HookRequest("GET", b"challenge=1", {}, b"")

    assert CONNECTOR.challenge(request, a_source("sorted_sha1")) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"akc": {}}, "options.akc"),
        ({"api_base": "http://example.com"}, "must be https"),
        ({"id_fields": []}, "at least one"),
        ({"profile": "waimai"}, "options.profile"),
        ({"error_actions": {"X": "again"}}, "options.error_actions.X"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        options_of(a_source("none", **options))


def test_numbers_in_yaml_are_ids_all_the_same() -> None:
    options = options_of(
        a_source("none", app_id=100001, business_id=59, error_actions={1: "retry"})
    )

    assert (options.app_id, options.business_id) == ("100001", "59")
    assert options.error_actions == {"1": "retry"}
