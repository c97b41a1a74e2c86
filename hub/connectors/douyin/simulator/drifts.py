"""Ways in which the simulated platform changes its payloads, by name; each is pure.

A change is a function of a lead as the platform shows it, under the platform's own names. Some need
something in the payload that is there before they come (a sum of money, say): that is their `before`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from hub.connectors.simulation import Drift, Payload

Item = Payload

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_BUDGETS = ("1-3万", "3-5万", "5-10万", "10万以上")
_LEVELS = ("高", "中", "低")
_INTERESTS = ("美食", "亲子", "汽车", "家居", "健身", "旅行")
_TIMES = ("create_time", "create_time_detail")
_LONGEST_ID = 19
_WISH = "意向项目"


def _number(item: Item) -> int:
    """A number that is the lead's own, so that invented values differ and can be repeated."""
    return int(str(_phone(item) or item.get("clue_id") or 0)[-5:].lstrip("*"))  # it may be masked


def _phone_name(item: Item) -> str:
    return "phone" if "star_id" in item else "telephone"


def _phone(item: Item) -> Any:  # noqa: ANN401 -- whatever stands there
    return item.get(_phone_name(item))


def _without(item: Item, name: str) -> Item:
    return {key: value for key, value in item.items() if key != name}


def _douyin_id_required(item: Item) -> Item:
    """Eight tags and 用户抖音号 come; the UID stays."""
    if "star_id" not in item:
        return item
    number = _number(item)
    tags = {
        "fan_level": number % 6 + 1,
        "interact_count": number * 7 % 500,
        "follow_days": number * 3 % 900,
        "spend_level": _LEVELS[number % 3],
        "interest_tags": [_INTERESTS[number % 6], _INTERESTS[(number + 1 + number // 6 % 5) % 6]],
        "active_level": _LEVELS[number // 3 % 3],
        "device_type": ("iOS", "Android")[number % 2],
        "source_video": f"演示视频{number % 11}",
    }
    return {**item, "douyin_id": f"dy_demo_{number:05d}", **tags}


def _field_added(item: Item) -> Item:
    return {**item, "fan_level": _number(item) % 6 + 1}


def _phone_gone(item: Item) -> Item:
    return _without(item, _phone_name(item))


def _phone_renamed(item: Item) -> Item:
    name = _phone_name(item)
    new = "telephone" if name == "phone" else "phone_number"
    return {new if key == name else key: value for key, value in item.items()}


def _phone_nested(item: Item) -> Item:
    return {**_phone_gone(item), "contact": {"phone": _phone(item)}}


def _phone_array(item: Item) -> Item:
    return {**_phone_gone(item), "contacts": [{"phone": _phone(item), "type": "mobile"}]}


def _phone_masked(item: Item) -> Item:
    phone = str(_phone(item))
    return {**item, _phone_name(item): f"{phone[:3]}****{phone[-4:]}"}


def _remark_text(item: Item) -> Item:
    if not isinstance(item.get("remark_dict"), dict):
        return item
    return {**item, "remark_dict": json.dumps(item["remark_dict"], ensure_ascii=False)}


def _is_id(name: str) -> bool:
    return name.endswith("_id") or name in ("uid", "author_uid")


def _id_text(item: Item) -> Item:
    return {k: str(v) if _is_id(k) and isinstance(v, int) else v for k, v in item.items()}


def _id_number(item: Item) -> Item:
    return {
        key: int(value)
        if _is_id(key) and isinstance(value, str) and value.isdigit() and len(value) <= _LONGEST_ID
        else value
        for key, value in item.items()
    }


def _in_seconds(item: Item) -> Item:
    """Times as seconds since 1970; a text without a time stays."""
    return {
        key: int(datetime.fromisoformat(value).replace(tzinfo=_SHANGHAI).timestamp())
        if key in _TIMES and ":" in value
        else value
        for key, value in item.items()
    }


def _in_millis(item: Item) -> Item:
    seconds = _in_seconds(item)
    return {
        key: value * 1000 if key in _TIMES and isinstance(value, int) else value
        for key, value in seconds.items()
    }


def _answer(item: Item, label: str, value: object) -> Item:
    """The item with another answer in its form, an object or JSON in text; without a form it stays."""
    answers = item.get("remark_dict")
    if isinstance(answers, dict):
        return {**item, "remark_dict": {**answers, label: value}}
    if isinstance(answers, str):  # 本地推, 来客
        changed = {**json.loads(answers), label: value}
        return {**item, "remark_dict": json.dumps(changed, ensure_ascii=False)}
    return item


def _in_yuan(item: Item) -> Item:
    return _answer(item, "预算", (_number(item) % 40 + 10) * 100)


def _in_fen(item: Item) -> Item:
    return _answer(item, "预算", (_number(item) % 40 + 10) * 10_000)


def _source_unknown(item: Item) -> Item:
    """`clue_source` takes a value outside the documented list."""
    return {**item, "clue_source": 7} if "clue_source" in item else item


def _meaning_shifted(item: Item) -> Item:
    budget = _BUDGETS[_number(item) % len(_BUDGETS)]
    if "remark_dict" in item:
        return _answer(item, _WISH, budget)
    return {**item, "anchor_name": budget}


def _several(item: Item) -> Item:
    return _phone_renamed(_source_unknown(_field_added(item)))


DRIFTS: Mapping[str, Drift] = MappingProxyType(
    {
        "douyin-id-required": Drift(
            "星图: douyin_id (required) and eight tags appear, the UID stays", _douyin_id_required
        ),
        "field-added": Drift("a field nobody announced, fan_level, appears", _field_added),
        "phone-gone": Drift("the phone is there no more", _phone_gone),
        "phone-renamed": Drift("the phone has another name", _phone_renamed),
        "phone-nested": Drift("the phone is contact.phone", _phone_nested),
        "phone-array": Drift("the phone is contacts[0].phone", _phone_array),
        "phone-masked": Drift("the phone is masked: 199****0001", _phone_masked),
        "remark-text": Drift("飞鱼: remark_dict is JSON text, no longer an object", _remark_text),
        "id-text": Drift("ids that were numbers are text", _id_text),
        "id-number": Drift("ids that were text are numbers", _id_number),
        "seconds-to-millis": Drift(
            "times in seconds are times in milliseconds", _in_millis, before=_in_seconds
        ),
        "yuan-to-fen": Drift(
            "飞鱼: the answer 预算 is in 分, not in 元", _in_fen, before=_in_yuan
        ),
        "enum-unknown": Drift("飞鱼: clue_source is 7, which no document names", _source_unknown),
        "meaning-shifted": Drift(
            "意向项目 (星图: anchor_name) holds budgets now", _meaning_shifted
        ),
        "several-at-once": Drift(
            "field-added, phone-renamed and, for 飞鱼, enum-unknown in one night", _several
        ),
        "silence": Drift("no leads come any more", rate=0.0),
        "surge": Drift("ten times as many leads come", rate=10.0),
    }
)
