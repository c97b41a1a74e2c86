"""Invented Douyin leads: the same number always gives the same lead, nobody in them exists."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from hub.connectors.douyin.simulator.people import SimulatedClue
from hub.model.ids import lead_id
from hub.settings import DEFAULT_MERCHANT

SOURCE = "douyin_bench"
SIGNATURE_HEADER = "x-signature"
PHONES = 85_000
_FIRST_CLUE = 7_400_000_000_000_000_000
_FIRST_MOBILE = 19_900_000_000
_ADVERTISER = "1700000000000001"
_CREATED_AT = datetime(2026, 2, 17, tzinfo=UTC)
_SETTLED_AT = _CREATED_AT + timedelta(days=30)
_NAMES = ("张三", "李四", "王小明", "赵测试", "陈示例")
_PLACES = (("北京", "北京"), ("上海", "上海"), ("广东", "深圳"), ("浙江", "杭州"))
_WISHES = ("口腔种植", "少儿编程", "全屋定制", "摄影套餐")


@dataclass(frozen=True, slots=True)
class Person:
    """What is different in every lead."""

    number: int
    clue_id: str
    mobile: str
    name: str
    place: tuple[str, str]
    wish: str


def people(count: int, *, seed: int = 1, first: int = 0) -> Iterator[Person]:
    """`count` leads with mobiles drawn from `PHONES` possible ones; `first` keeps two lists of clues apart."""
    chance = Random(seed)  # noqa: S311 -- invented data that can be repeated, no secret
    for number in range(first, first + count):
        yield Person(
            number,
            clue_id(number),
            str(_FIRST_MOBILE + chance.randrange(PHONES)),
            chance.choice(_NAMES),
            chance.choice(_PLACES),
            chance.choice(_WISHES),
        )


def clue_id(number: int) -> str:
    """The platform's id of lead `number`: always 19 digits."""
    return str(_FIRST_CLUE + number)


def crm_id(number: int) -> UUID:
    """The id of lead `number` in the CRM, pushed or pulled."""
    return lead_id(DEFAULT_MERCHANT, SOURCE, "lead", clue_id(number), 0)


def pushed(person: Person) -> dict[str, Any]:
    """A lead as a 飞鱼 rule pushes it."""
    return {
        "clueId": person.clue_id,
        "name": person.name,
        "mobile": person.mobile,
        "create_time": "2026-02-17 08:00:00",
        "advertiser_id": _ADVERTISER,
        "promotion_id": "7300000000000000123",
        "project_id": "7200000000000000001",
        "province": person.place[0],
        "city": person.place[1],
        "app_name": "抖音",
        "external_url": "https://example.invalid/p?utm_source=douyin&utm_campaign=spring",
        "remark_dict": {"意向项目": person.wish, "预算": "8000-12000元"},
    }


def listed(person: Person) -> dict[str, Any]:
    """The same lead as `clue/get` lists it: every field, as the simulator shows it."""
    return SimulatedClue(
        number=person.number,
        clue_id=person.clue_id,
        advertiser_id=_ADVERTISER,
        promotion_id=7_300_000_000_000_000_123,
        name=person.name,
        telephone=person.mobile,
        province=person.place[0],
        city=person.place[1],
        wish=person.wish,
        created_at=_CREATED_AT,
        visible_at=_CREATED_AT,
    ).listed(_SETTLED_AT)


def without_id(item: dict[str, Any]) -> dict[str, Any]:
    """The record broken: it lacks the field that its contract requires."""
    return {name: value for name, value in item.items() if name not in ("clueId", "clue_id")}


def encoded(item: dict[str, Any]) -> bytes:
    """JSON as platforms send it."""
    return msgspec.json.encode(item)


def page(items: list[dict[str, Any]]) -> bytes:
    """A page of `clue/get` with these items."""
    info = {"page": 1, "page_size": len(items), "total_number": len(items), "total_page": 1}
    return encoded({"code": 0, "message": "OK", "data": {"list": items, "page_info": info}})


def signature(body: bytes, secret: str) -> str:
    """What the sender puts in `SIGNATURE_HEADER`."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
