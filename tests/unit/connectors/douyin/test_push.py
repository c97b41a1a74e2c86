"""Rule pushes: keys chosen per rule, JSON or form, exact values, no constants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.connectors.douyin import CONNECTOR
from hub.errors import ConfigError
from hub.model.delivery import HookRequest, RawRecord
from hub.settings import SignatureSettings, SourceSettings

FORM = "application/x-www-form-urlencoded"


def a_source(**options: Any) -> SourceSettings:
    return SourceSettings(platform="douyin", push="clue_push", options=options)


def split(
    body: bytes, content_type: str = "application/json", source: SourceSettings | None = None
) -> RawRecord:
    source = source or a_source()
    request = HookRequest("POST", b"", {"content-type": content_type}, body)
    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, source), source)
    return record


def read(record: RawRecord) -> Any:
    assert record.unreadable is None
    return json.loads(record.payload)


def test_configured_keys_come_before_the_default_ones() -> None:
    source = a_source(fields={"tel2": "telephone"})

    got = read(split(b'{"mobile":"19900000001","tel2":"19900000002"}', source=source))

    assert got == {"telephone": "19900000002", "mobile": "19900000001"}


def test_a_key_with_a_value_wins_over_an_empty_one() -> None:
    assert read(split(b'{"mobile":"","tel":"19900000001"}')) == {"telephone": "19900000001"}


def test_route_a_names_come_before_guessed_ones() -> None:
    got = read(split(b'{"phone":"19900000001","telephone":"19900000002"}'))

    assert got == {"telephone": "19900000002", "phone": "19900000001"}


def test_a_default_can_be_switched_off() -> None:
    source = a_source(fields={"phone": None})

    assert read(split(b'{"phone":"x"}', source=source)) == {"phone": "x"}


def test_unknown_keys_are_kept_as_they_are() -> None:
    got = read(split('{"孩子年级":"三年级","nested":{"a":[1]}}'.encode()))

    assert got == {"孩子年级": "三年级", "nested": {"a": [1]}}


def test_large_ids_stay_exact() -> None:
    record = split(b'{"promotion_id":7300000000000000123,"big":123456789012345678901234567890}')

    assert b"7300000000000000123" in record.payload
    assert b"123456789012345678901234567890" in record.payload


def test_constants_of_the_rule_go() -> None:
    source = SourceSettings(
        platform="douyin",
        push="clue_push",
        signature=SignatureSettings(scheme="static_body", field="hub_token"),
        options={"drop_fields": ["source"]},
    )

    got = read(split(b'{"hub_token":"t","source":"oe","name":"x"}', source=source))

    assert got == {"name": "x"}


def test_the_record_names_its_account() -> None:
    assert split(b'{"adv_id":1700000000000001}').account == "1700000000000001"
    assert split(b'{"adv_id":""}').account is None


@pytest.mark.parametrize("charset", ["utf-8", "gbk", "gb18030"])
def test_forms_are_read_in_their_charset(charset: str) -> None:
    from urllib.parse import urlencode

    body = urlencode({"name": "张三", "tel": "19900000001", "remark": ""}, encoding=charset)

    got = read(split(body.encode(), f"{FORM}; charset={charset}"))

    assert got == {"name": "张三", "telephone": "19900000001", "remark": ""}


def test_a_key_that_comes_twice_in_a_form_is_a_list() -> None:
    assert read(split(b"tag=a&tag=b", FORM)) == {"tag": ["a", "b"]}


def test_json_that_says_it_is_a_form_is_read() -> None:
    assert read(split(b'{"name":"x"}', FORM)) == {"name": "x"}


def test_a_byte_order_mark_does_not_matter() -> None:
    assert read(split(b'\xef\xbb\xbf{"name":"x"}')) == {"name": "x"}


def test_json_in_another_charset_is_read_when_it_says_so() -> None:
    body = '{"name":"张三"}'.encode("gbk")

    assert read(split(body, "application/json; charset=gbk")) == {"name": "张三"}
    assert split(body).unreadable


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"name=%FF%FE", FORM),
        (b"name=x", f"{FORM}; charset=no-such-charset"),
        (b"--x--", "multipart/form-data; boundary=x"),
        (b"<clue/>", "application/xml"),
    ],
)
def test_what_cannot_be_read_is_kept_whole(body: bytes, content_type: str) -> None:
    record = split(body, content_type)

    assert record.unreadable
    assert record.payload == body


def test_a_push_by_get_is_read_from_its_query() -> None:
    source = a_source()
    request = HookRequest("GET", b"clueId=1&tel=19900000001", {}, b"")
    (record,) = CONNECTOR.split(CONNECTOR.envelope(request, source), source)

    assert read(record) == {"clue_id": "1", "telephone": "19900000001"}


def test_the_query_of_a_post_is_not_kept() -> None:
    request = HookRequest("POST", b"token=secret", {"content-type": FORM}, b"a=1")

    assert CONNECTOR.envelope(request, a_source()).query == b""


def a_star_source(**options: Any) -> SourceSettings:
    return SourceSettings(platform="douyin", push="star_push", options=options)


def test_a_star_lead_keeps_its_names_unless_told_otherwise() -> None:
    body = '{"star_id":18,"phone":"19900000001","用户UID":"9"}'.encode()

    plain = split(body, source=a_star_source())
    told = split(body, source=a_star_source(fields={"用户UID": "uid"}))

    assert read(plain) == {"star_id": 18, "phone": "19900000001", "用户UID": "9"}
    assert read(told) == {"star_id": 18, "phone": "19900000001", "uid": "9"}
    assert told.account == "18"


def test_of_a_pushed_page_a_bad_item_spoils_only_itself() -> None:
    source = a_star_source()
    body = b'{"data":{"list":[{"star_id":18,"item_id":7500000000000000001},7,{"star_id":19}]}}'
    request = HookRequest("POST", b"", {"content-type": "application/json"}, body)

    records = CONNECTOR.split(CONNECTOR.envelope(request, source), source)

    assert [record.account for record in records] == ["18", None, "19"]
    assert [record.unreadable for record in records] == [None, "not_an_object", None]
    assert b"7500000000000000001" in records[0].payload


@pytest.mark.parametrize("body", [b'{"data":{"list":[]}}', b'{"data":{}}', b'{"data":5}'])
def test_a_star_push_without_a_lead_is_still_one_record(body: bytes) -> None:
    assert split(body, source=a_star_source()).payload == body


def test_a_star_lead_with_data_of_its_own_is_no_page() -> None:
    body = b'{"star_id":18,"data":{"list":[{"star_id":19}]}}'

    assert split(body, source=a_star_source()).payload == body


@pytest.mark.parametrize("number", ["", "x", "-1", "1" * 21, "١"])
def test_only_a_number_is_a_challenge(number: str) -> None:
    query = f"event=verify_webhook&challenge={number}".encode()

    assert CONNECTOR.challenge(HookRequest("GET", query, {}, b""), a_source()) is None


def test_the_status_code_of_the_spi_answer_can_be_set() -> None:
    query = b"challenge=5&event=verify_webhook"
    source = a_source(spi_status_code=0)

    reply = CONNECTOR.challenge(HookRequest("GET", query, {}, b""), source)

    assert reply is not None
    assert json.loads(reply.body)["BaseResp"]["StatusCode"] == 0


def test_acknowledgement_and_refusal_can_be_set() -> None:
    source = a_source(ack={"ok": True}, refusal={"ok": False}, refused_status=200)
    request = HookRequest("POST", b"", {}, b"{}")

    assert json.loads(CONNECTOR.accepted(request, source).body) == {"ok": True}
    refused = CONNECTOR.refused(request, source)
    assert (refused.status, json.loads(refused.body)) == (200, {"ok": False})


def test_a_misspelt_option_is_named() -> None:
    with pytest.raises(ConfigError, match=r"options\.feilds"):
        CONNECTOR.accepted(HookRequest("POST", b"", {}, b""), a_source(feilds={}))


def test_an_account_id_may_be_a_number_in_yaml() -> None:
    with pytest.raises(ConfigError, match="whole numbers"):
        CONNECTOR.accepted(HookRequest("POST", b"", {}, b""), a_source(advertiser_ids=[1.7e15]))
    CONNECTOR.accepted(
        HookRequest("POST", b"", {}, b""), a_source(advertiser_ids=[1700000000000001])
    )


def test_plain_http_is_for_this_machine_only() -> None:
    with pytest.raises(ConfigError, match="api_base"):
        CONNECTOR.accepted(
            HookRequest("POST", b"", {}, b""), a_source(api_base="http://api.example.invalid")
        )
