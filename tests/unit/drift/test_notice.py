"""The change notice: in Chinese, for operators, without a word about a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hub.drift.kinds import Kind
from hub.drift.notice import Changed, NoticeFacts, change_notice
from tests.unit.drift.situations import MAPPING

SINCE = datetime(2026, 2, 16, 18, 30, tzinfo=UTC)
AT = datetime(2026, 2, 17, 1, 0, tzinfo=UTC)
AFTER = {
    **MAPPING,
    "mapping": "demo/lead/2-0-0",
    "fields": {**MAPPING["fields"], "douyin_id": "douyin_id", "name": ["customer_name", "name"]},
    "extensions": {"fan_level": {"type": "int", "label": "粉丝等级", "from": "fan_level"}},
}


def a_notice(**changes: Any) -> tuple[str, str]:
    given: dict[str, Any] = {
        "platform": "demo",
        "title": "演示线索",
        "entity": "lead",
        "changes": [
            Changed(Kind.FIELD_ADDED_REQUIRED, "/douyin_id", "用户抖音号", SINCE),
            Changed(Kind.FIELD_MOVED, "/phone", "电话", AT, "/contact/phone"),
        ],
        "before": MAPPING,
        "after": AFTER,
        "labels": {"douyin_id": "抖音号", "name": "姓名"},
        "replaying": 1234,
        "owner": "运营",
        "published_by": "tester",
        "published_at": AT,
        "vendor_spec": "《星图线索字段说明V2.3.1》",
        **changes,
    }
    return change_notice(NoticeFacts(**given))


def test_the_notice_says_what_since_when_and_whom_to_ask() -> None:
    title, body = a_notice()

    assert title == "《字段变更须知》演示线索"
    assert "2026-02-17 02:30（北京时间）" in body
    assert "《星图线索字段说明V2.3.1》" in body
    assert "新增字段（平台必填）：用户抖音号（`douyin_id`）" in body
    assert "`phone`） → `contact.phone`" in body
    assert "1234 条" in body
    assert "负责人：运营；发布人：tester" in body
    assert "demo/lead/1-0-0 → demo/lead/2-0-0" in body


def test_the_notice_says_what_operators_see() -> None:
    _, body = a_notice()

    assert "新字段 **粉丝等级**（`ext.fan_level`）" in body
    assert "**抖音号**（`douyin_id`）开始有值，来自 `douyin_id`" in body
    assert "**姓名**（`name`）改为来自 `customer_name, name`" in body


def test_a_change_that_nobody_sees_says_so() -> None:
    _, body = a_notice(after=MAPPING)

    assert "线索页面没有变化" in body
