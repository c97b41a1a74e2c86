"""Posts read: the shape of hub.js, plain HTML forms, charsets, and what is wrong with a post."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.webform.submission import (
    FORM_TYPE,
    MAX_FIELDS,
    InvalidSubmissionError,
    UndecodableError,
    is_readable,
    read_submission,
)
from hub.errors import RecordError

TYPES = (
    "application/json",
    "text/plain;charset=UTF-8",
    FORM_TYPE,
    "",
    "application/json; charset=gbk",
)


def a_body(**changed: Any) -> bytes:
    document: dict[str, Any] = {
        "form_id": "contact",
        "submission_id": "0f8b6a1e7f0e4a559d0edemo00000001",
        "fields": {"name": "张三", "mobile": "19900001234"},
        "consent": {"privacy": True, "version": "2026-09"},
        "trap": {"website_url": "", "t": "contact|1", "sig": "00"},
    }
    return json.dumps(document | changed).encode()


def errors_of(body: bytes, content_type: str = "application/json") -> dict[str, str]:
    with pytest.raises(InvalidSubmissionError) as caught:
        read_submission(body, content_type)
    return caught.value.fields


def form(pairs: list[tuple[str, str]], charset: str = "utf-8") -> bytes:
    return urlencode(pairs, encoding=charset).encode()


def test_the_trap_is_parted_from_the_payload() -> None:
    found = read_submission(a_body(), "application/json")

    assert "trap" not in found.document
    assert found.trap == {"website_url": "", "t": "contact|1", "sig": "00"}
    assert found.submission_id == "0f8b6a1e7f0e4a559d0edemo00000001"


def test_json_sent_as_text_by_a_beacon_is_json() -> None:
    assert read_submission(a_body(), "text/plain;charset=UTF-8") == read_submission(
        a_body(), "application/json"
    )


def test_what_the_hub_does_not_know_is_kept_and_null_is_absent() -> None:
    found = read_submission(a_body(new={"a": [1]}, referrer=None), "application/json")

    assert found.document["new"] == {"a": [1]}
    assert "referrer" not in found.document


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"fields": None}, {"/fields": "required"}),
        ({"fields": []}, {"/fields": "not_an_object"}),
        ({"fields": {}}, {"/fields": "empty"}),
        ({"fields": {"a/b~": {"x": 1}}}, {"/fields/a~1b~0": "not_text"}),
        ({"fields": {"a": [["x"]]}}, {"/fields/a": "not_text"}),
        ({"fields": {str(n): "" for n in range(MAX_FIELDS + 1)}}, {"/fields": "too_many"}),
        ({"submission_id": 7}, {"/submission_id": "not_text"}),
        ({"submission_id": "x" * 129}, {"/submission_id": "too_long"}),
        ({"consent": "yes"}, {"/consent": "not_an_object"}),
        (
            {"consent": {"privacy": "on", "version": 2}},
            {"/consent/privacy": "not_a_boolean", "/consent/version": "not_text"},
        ),
        (
            {"first_touch": "x", "device": 1, "landing_url": {}},
            {
                "/first_touch": "not_an_object",
                "/device": "not_an_object",
                "/landing_url": "not_text",
            },
        ),
    ],
)
def test_each_field_that_is_wrong_has_its_reason(
    changed: dict[str, Any], fields: dict[str, str]
) -> None:
    assert errors_of(a_body(**changed)) == fields


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"{", "not_json"), (b"", "not_json"), (b"[]", "not_an_object"), (b"[" * 60_000, "not_json")],
)
def test_what_is_no_json_object_is_said_to_be_none(body: bytes, reason: str) -> None:
    assert errors_of(body) == {"": reason}


def test_a_plain_form_gets_the_shape_of_hub_js() -> None:
    body = form(
        [
            ("name", "李四😀"),
            ("mobile", "19900005678"),
            ("need", "装修"),
            ("need", "设计"),
            ("utm_source", "baidu"),
            ("utm_source", "second"),
            ("bd_vid", "DEMOvid"),
            ("landing_url", "https://www.example.com/?bd_vid=DEMOvid"),
            ("referrer", "https://www.baidu.com/"),
            ("privacy", "on"),
            ("consent_version", "2026-09"),
            ("trap_t", "contact|1"),
            ("trap_sig", "00"),
            ("website_url", ""),
        ]
    )

    found = read_submission(body, FORM_TYPE, "website_url")

    assert found.document == {
        "fields": {"name": "李四😀", "mobile": "19900005678", "need": ["装修", "设计"]},
        "landing_url": "https://www.example.com/?bd_vid=DEMOvid",
        "referrer": "https://www.baidu.com/",
        "last_touch": {
            "utm_source": "baidu",
            "click": {"bd_vid": "DEMOvid"},
            "landing_url": "https://www.example.com/?bd_vid=DEMOvid",
            "referrer": "https://www.baidu.com/",
        },
        "consent": {"privacy": True, "version": "2026-09"},
    }
    assert found.trap == {"website_url": "", "t": "contact|1", "sig": "00"}


@pytest.mark.parametrize(
    ("pairs", "click", "unknown"),
    [
        ([("callback", "c1"), ("utm_source", "kuaishou")], {"callback": "c1"}, None),
        ([("callback", "c1"), ("utm_source", "ks_feed")], {"callback": "c1"}, None),
        ([("callback", "c1"), ("utm_source", "backspace")], None, {"callback": "c1"}),
        (
            [("click_id", "c2"), ("referrer", "https://www.xiaohongshu.com/x")],
            {"click_id": "c2"},
            None,
        ),
        ([("click_id", "c2"), ("landing_url", "https://e.com/xhs/a")], {"click_id": "c2"}, None),
        ([("click_id", "c2"), ("landing_url", "https://[x/xhs/")], None, {"click_id": "c2"}),
        ([("click_id", "c2")], None, {"click_id": "c2"}),
    ],
)
def test_a_generic_name_is_a_click_id_only_with_a_hint(
    pairs: list[tuple[str, str]], click: dict[str, str] | None, unknown: dict[str, str] | None
) -> None:
    touch = read_submission(form([("name", "张三"), *pairs]), FORM_TYPE).document["last_touch"]

    assert touch.get("click") == click
    assert touch.get("click_unknown") == unknown


def test_a_box_not_ticked_is_no_consent() -> None:
    unticked = form([("name", "张三"), ("consent_version", "2026-09")])

    assert read_submission(unticked, FORM_TYPE).document["consent"]["privacy"] is False
    assert "consent" not in read_submission(form([("name", "张三")]), FORM_TYPE).document


@pytest.mark.parametrize("content_type", [f"{FORM_TYPE}; charset=GBK", FORM_TYPE])
def test_a_page_in_gbk_is_read_with_or_without_its_charset(content_type: str) -> None:
    found = read_submission(form([("name", "张三"), ("city", "北京")], "gbk"), content_type)

    assert found.document["fields"] == {"name": "张三", "city": "北京"}
    assert found.charset == "gb18030"


def test_the_charset_that_html_writes_into_its_own_field_counts() -> None:
    body = form([("name", "陳先生"), ("_charset_", "Big5")], "big5")

    assert read_submission(body, FORM_TYPE).document["fields"] == {"name": "陳先生"}


def test_utf_8_is_never_read_as_gbk() -> None:
    found = read_submission(form([("name", "张三")]), FORM_TYPE)

    assert (found.document["fields"], found.charset) == ({"name": "张三"}, "utf-8")


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"name=%FF%FF", FORM_TYPE, "undecodable"),
        (
            b"name=" + quote_from_bytes("张三".encode("gbk")).encode(),
            f"{FORM_TYPE}; charset=utf-8",
            "undecodable",
        ),
        (b"name=x", f"{FORM_TYPE}; charset=rot13", "unknown_charset"),
        (b'{"fields":{"name":"\xff"}}', "application/json", "undecodable"),
    ],
)
def test_bytes_that_are_no_text_are_undecodable(
    body: bytes, content_type: str, reason: str
) -> None:
    with pytest.raises(UndecodableError) as caught:
        read_submission(body, content_type)

    assert caught.value.reason == reason


def test_a_form_with_nothing_but_attribution_is_empty() -> None:
    assert errors_of(form([("utm_source", "baidu")]), FORM_TYPE) == {"/fields": "empty"}


@pytest.mark.parametrize(
    ("content_type", "readable"),
    [
        ("application/json; charset=gbk", True),
        ("application/vnd.x+json", True),
        ("", True),
        ("multipart/form-data; boundary=x", False),
        ("image/png", False),
    ],
)
def test_only_types_that_can_be_read_are_readable(content_type: str, readable: bool) -> None:
    assert is_readable(content_type) is readable


@given(st.binary(max_size=300), st.sampled_from(TYPES))
def test_bad_input_raises_record_errors_and_nothing_else(body: bytes, content_type: str) -> None:
    with contextlib.suppress(RecordError):
        read_submission(body, content_type, "website_url")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    ["fields", "consent", "trap", "submission_id", "first_touch", "website_url"]
)


@given(st.dictionaries(_NAMES, _JSON))
def test_any_json_is_read_or_refused(document: dict[str, Any]) -> None:
    try:
        found = read_submission(json.dumps(document).encode(), "application/json", "website_url")
    except RecordError:
        return
    assert "trap" not in found.document
    assert "website_url" not in found.document["fields"]
