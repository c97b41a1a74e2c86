"""Ways in which the simulated platform changes its payloads, by name; each is pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Item = dict[str, Any]


def _douyin_id(item: Item) -> Item:
    """The founding story: 星图 leads gain 用户抖音号 and eight tags; the old fields stay."""
    if "star_id" not in item:
        return item
    tags = (
        "粉丝等级",
        "历史互动次数",
        "关注时长",
        "消费能力",
        "兴趣标签",
        "活跃度",
        "设备类型",
        "来源视频",
    )
    added = {f"tag_{place}": {"label": label, "value": place} for place, label in enumerate(tags)}
    return {**item, "douyin_id": f"dy_demo_{item['item_id'] % 100}", **added}


def _phone_renamed(item: Item) -> Item:
    """`telephone` is called `phone` now."""
    return {"phone" if key == "telephone" else key: value for key, value in item.items()}


def _remark_text(item: Item) -> Item:
    """`remark_dict` is a JSON text now, no longer an object."""
    if "remark_dict" not in item:
        return item
    return {**item, "remark_dict": json.dumps(item["remark_dict"], ensure_ascii=False)}


def _field_added(item: Item) -> Item:
    """A field that nobody announced."""
    return {**item, "fan_level": 3}


def _unknown_source(item: Item) -> Item:
    """`clue_source` takes a value outside the documented list."""
    return {**item, "clue_source": 7} if "clue_source" in item else item


DRIFTS: Mapping[str, Callable[[Item], Item]] = MappingProxyType(
    {
        "douyin_id": _douyin_id,
        "phone_renamed": _phone_renamed,
        "remark_text": _remark_text,
        "field_added": _field_added,
        "unknown_source": _unknown_source,
    }
)
