"""Pushes of forms and direct messages: what becomes of the envelope, tests told from leads, exact values."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from hub.connectors.xiaohongshu import CONNECTOR
from hub.errors import ConfigError
from hub.mapping.examples import example_id
from hub.mapping.fold import Revision, fold
from hub.model.delivery import HookRequest, RawRecord
from hub.model.lead import RecordContext
from hub.registry.files import schema_files
from hub.settings import HubSettings, SourceSettings
from hub.steps.mappings import compile_document

FILES = schema_files(HubSettings())
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
ASKED = [{"label": "姓名", "value": "张三"}, {"label": "手机号", "value": "19900000001"}]


def a_source(push: str = "form_push", **options: Any) -> SourceSettings:
    return SourceSettings(platform="xiaohongshu", push=push, options=options)


def split(document: Any, source: SourceSettings | None = None) -> RawRecord:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    source = source or a_source()
    (record,) = CONNECTOR.split(
        CONNECTOR.envelope(HookRequest("POST", b"", {}, body), source), source
    )
    return record


def read(record: RawRecord) -> Any:
    assert record.unreadable is None
    return json.loads(record.payload)


def a_form(leads_id: str = "L1", answers: Any = ASKED, **changes: Any) -> dict[str, Any]:
    data = {"leads_id": leads_id, "data": answers, **changes}
    return {"timestamp": 1735689600, "source": "official", "data": data}


def test_the_answers_inside_data_inside_data_are_the_records_own() -> None:
    got = read(split(a_form()))

    assert got == {"timestamp": 1735689600, "source": "official", "leads_id": "L1", "data": ASKED}


def test_large_ids_stay_exact() -> None:
    record = split(b'{"data":{"landing_page_id":7300000000000000123,"n":12345678901234567890123}}')

    assert b"7300000000000000123" in record.payload
    assert b"12345678901234567890123" in record.payload


def test_the_record_names_its_account() -> None:
    assert split(a_form(account_id="A1")).account == "A1"
    assert split(a_form(account_id=7)).account == "7"
    assert split(a_form(account_id=True)).account is None


@pytest.mark.parametrize(
    "document",
    [
        {"timestamp": 1, "data": {"leads_id": "L1", "timestamp": 2}},
        {"timestamp": 1, "data": ["x"]},
        {"timestamp": 1, "data": "x"},
        {"timestamp": 1, "answers": ["x"]},
    ],
)
def test_nothing_is_lost_of_an_envelope_of_another_shape(document: dict[str, Any]) -> None:
    assert read(split(document)) == document


def test_a_byte_order_mark_does_not_matter() -> None:
    assert read(split(b'\xef\xbb\xbf{"data":{"leads_id":"L1"}}')) == {"leads_id": "L1"}


@pytest.mark.parametrize(
    "document",
    [
        a_form("", [{"label": "姓名", "value": ""}, {"label": "手机号", "value": None}]),
        a_form("L1", [{"label": "姓名", "value": " "}, {"label": "想学什么", "value": []}]),
        a_form("L1", []),
        {},
        {"timestamp": 1, "source": "official", "data": {}},
        {"timestamp": 1, "source": "official", "data": {"id": "", "type": 0, "nick_name": ""}},
    ],
)
def test_a_message_in_which_nobody_answers_is_a_test(document: dict[str, Any]) -> None:
    assert read(split(document))["test_message"] is True
    assert "test_message" not in read(split(document, a_source(blank_is_test=False)))


@pytest.mark.parametrize(
    "document",
    [
        a_form(),
        a_form("L1", [{"label": "姓名", "value": ""}, {"label": "数量", "value": 0}]),
        a_form("L1", [{"label": "手机号", "answer": "19900000001"}]),
        a_form("L1", {"手机号": "19900000001"}),
        a_form("L1", None),
        {"data": {"id": "DM1", "type": 0}},
        {"lead": {"phone": "19900000001"}},
    ],
)
def test_a_lead_whose_shape_has_changed_is_no_test(document: dict[str, Any]) -> None:
    """Drift must be held and seen, not put aside as a test message."""
    assert "test_message" not in read(split(document))


@pytest.mark.parametrize(
    "document",
    [
        a_form("test-lead"),
        a_form("L1", [{"label": "姓名", "value": " 测试姓名 "}]),
        a_form("L1", [{"label": "门店", "value": ["测试姓名", "二店"]}]),
        {"data": {"id": 0}},
    ],
)
def test_configured_placeholders_tell_a_test(document: dict[str, Any]) -> None:
    source = a_source(test_values=["test-lead", "测试姓名", 0])

    assert read(split(document, source))["test_message"] is True
    assert "test_message" not in read(split(document))


def test_a_placeholder_is_a_whole_value_never_a_part_of_one() -> None:
    got = read(
        split(a_form("L1", [{"label": "姓名", "value": "测试一"}]), a_source(test_values="测试"))
    )

    assert "test_message" not in got


def test_keys_that_nobody_documents_get_the_contracts_names() -> None:
    source = a_source("dm_push", fields={"tel_no": "phone", "wx": "wechat"})
    document = {"timestamp": 1, "data": {"id": "DM1", "tel_no": "19900000001", "other": "x"}}

    got = read(split(document, source))

    assert got == {"timestamp": 1, "id": "DM1", "phone": "19900000001", "other": "x"}


def test_a_name_that_is_taken_is_not_given_twice() -> None:
    source = a_source("dm_push", fields={"tel": "phone", "tel2": "phone"})

    got = read(split({"data": {"tel": "1", "tel2": "2", "id": "DM1"}}, source))
    kept = read(split({"data": {"tel": "1", "phone": "2"}}, source))

    assert got == {"phone": "1", "tel2": "2", "id": "DM1"}
    assert kept == {"tel": "1", "phone": "2"}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"filds": {}}, "filds"),
        ({"test_values": [""]}, "test_values"),
        ({"refused_status": 200}, "refused_status"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        split({}, a_source(**options))


DM_STORY: tuple[dict[str, Any], ...] = (
    {"timestamp": 1735689600, "data": {"id": "DM1", "type": 0, "nick_name": "演示昵称",
                                       "time": "2025-01-01 08:00:00", "phone": "19900000001"}},
    {"timestamp": 1735689660, "data": {"id": "DM1", "type": 0, "phone": "19900000002"}},
    {"timestamp": 1735689720, "data": {"id": "DM1", "type": 0, "campaign_id": "C1"}},
)  # fmt: skip
FORM_STORY = (
    a_form(),
    {**a_form("L1", [{"label": "手机号", "value": "19900000002"}]), "timestamp": 1735689630},
)


def folded(story: tuple[dict[str, Any], ...], push: str) -> dict[str, Any]:
    """The lead after deliveries in this order, a second apart."""
    mapping = compile_document(FILES.mapping(f"xiaohongshu/{push}/1-0-0"), FILES)
    revisions, ids = [], set()
    for n, document in enumerate(story):
        at = AT + timedelta(seconds=n)
        context = RecordContext("default", "xhs", "xiaohongshu", push, "push", UUID(int=n + 1), at)
        (lead,) = mapping.map(read(split(document, a_source(push))), context, example_id).leads
        revisions.append(Revision(lead.rank, lead.mode, lead.stream, lead.doc))
        ids.add(lead.external_id)
    assert len(ids) == 1
    return fold(revisions)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_direct_message_sent_again_is_one_lead_with_the_newest_values(
    order: tuple[int, ...],
) -> None:
    sent = tuple(DM_STORY[place] for place in order)

    doc = folded((*sent, sent[0]), "dm_push")

    assert doc["mobile_e164"] == "+8619900000002"
    assert doc["campaign_id"] == "C1"
    assert doc["ext"] == {"nick_name": "演示昵称"}
    assert doc == folded(DM_STORY, "dm_push")


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_of_a_form_sent_again_the_newest_counts_whole(order: tuple[int, ...]) -> None:
    doc = folded(tuple(FORM_STORY[place] for place in order), "form_push")

    assert doc["mobile_e164"] == "+8619900000002"
    assert "name" not in doc


def test_a_retry_with_a_new_stamp_changes_nothing() -> None:
    """Whether retries repeat the same bytes is not documented."""
    again = {**a_form(submitted_time="2025-01-01 08:00:00"), "timestamp": 1735689630}
    first = a_form(submitted_time="2025-01-01 08:00:00")

    assert folded((first, again), "form_push") == folded((first,), "form_push")
