"""Payloads of an ordinary day, by contract: invented people, seeded, with the unevenness of real forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hub.connectors.douyin.simulator.people import a_clue, a_star_clue

Item = dict[str, Any]
START = datetime(2026, 3, 2, 1, tzinfo=UTC)
_COURSES = ("少儿英语", "美术启蒙", "钢琴一对一", "篮球集训", "编程入门")
_BUDGETS = (800, 1500, 2000, 3500, 5000, 8000)
_REMARKS = ("想了解一下价格", "周末可以上课吗", "请下午联系", "朋友推荐来的", "先看看")
_PAGES = ("https://www.example.com/", "https://www.example.com/a", "https://m.example.com/b")
SEED = 20260217


def clue(number: int, seed: int = SEED) -> Item:
    """A listed 飞鱼 lead with a form of three questions; some fields are filled now and then."""
    chance = Random(f"clue:{seed}:{number}")
    created = START + timedelta(seconds=30 * number)
    item = a_clue(seed, number, "1700000000000001", created, created).listed(
        created + timedelta(hours=1)
    )
    answers = {
        "意向课程": chance.choice(_COURSES),
        "预算": chance.choice(_BUDGETS),
        "孩子年龄": f"{chance.randrange(3, 14)}岁",
    }
    if chance.random() < 0.05:
        del answers["预算"]
    item["remark_dict"] = answers
    if chance.random() < 0.3:
        item["weixin"] = f"wx_demo_{number}"
    if chance.random() < 0.2:
        item["remark"] = chance.choice(_REMARKS)
    if chance.random() < 0.25:
        item["age"] = chance.randrange(18, 60)
    if chance.random() < 0.4:
        item["tags"] = ["到店", "高意向"][: chance.randrange(1, 3)]
    if chance.random() < 0.02:
        item["telephone"] = ""
    return item


def clue_push(number: int, seed: int = SEED) -> Item:
    """A pushed 飞鱼 lead: the fields that one rule was given, enum values as text."""
    chance = Random(f"push:{seed}:{number}")
    shown = clue(number, seed)
    names = ("clue_id", "advertiser_id", "promotion_id", "name", "telephone", "city_name")
    item: Item = {name: shown[name] for name in names}
    return item | {
        "create_time_detail": shown["create_time_detail"],
        "clue_type": "0",
        "clue_source": str(chance.choice((1, 1, 1, 5))),
        "gender": str(number % 3),
        "form_fields": [
            {"label": "意向课程", "value": shown["remark_dict"]["意向课程"]},
            {"label": "预算", "value": str(chance.choice(_BUDGETS))},
        ],
    }


def star_clue(number: int, seed: int = SEED) -> Item:
    """A listed 星图 lead."""
    return a_star_clue(seed, number, "1800000001", START + timedelta(seconds=30 * number)).listed(
        START
    )


def star_push(number: int, seed: int = SEED) -> Item:
    """A pushed 星图 lead: the listed one with the user's UID beside it."""
    chance = Random(f"star:{seed}:{number}")
    return {**star_clue(number, seed), "uid": str(chance.randrange(10**18, 9 * 10**18))}


def open_event(number: int, seed: int = SEED) -> Item:
    """A webhook of the open platform."""
    chance = Random(f"event:{seed}:{number}")
    return {
        "event": chance.choice(("personal_tab_contact", "im_receive_msg", "enter_im")),
        "client_key": "awdemo0001",
        "from_user_id": f"ou_demo_{number}",
        "to_user_id": "ou_demo_shop",
        "content": '{"scene":"demo"}',
        "log_id": f"demo-{number}",
    }


def form(number: int, seed: int = SEED) -> Item:
    """A submission of one web form."""
    chance = Random(f"form:{seed}:{number}")
    at = START + timedelta(seconds=45 * number)
    fields = {"name": f"测试{number % 90}", "mobile": str(19_900_000_000 + number)}
    if chance.random() < 0.5:
        fields["company"] = "演示公司"
    if chance.random() < 0.3:
        fields["remark"] = chance.choice(_REMARKS)
    item = {
        "form_id": "contact-form",
        "submission_id": f"0f8b6a1e-7f0e-4a55-9d0e-{number:012d}",
        "submitted_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "fields": fields,
        "consent": {"privacy": True, "version": "2026-02"},
        "device": {"visitor_id": f"demo{number}", "tz": "Asia/Shanghai", "lang": "zh-CN"},
        "landing_url": chance.choice(_PAGES),
    }
    touch = {
        "utm_source": chance.choice(("baidu", "wechat", "bing")),
        "utm_medium": chance.choice(("cpc", "social")),
        "click": {"bd_vid": f"DEMO{number}"},
        "landing_url": chance.choice(_PAGES),
        "ts": at.isoformat(),
    }
    return item | {"first_touch": touch} if chance.random() < 0.8 else item


BUILDERS: Mapping[str, Callable[[int], Item]] = {
    "douyin/clue": clue,
    "douyin/clue_push": clue_push,
    "douyin/star_clue": star_clue,
    "douyin/star_push": star_push,
    "douyin/open_event": open_event,
    "webform/form": form,
}
CONTAINERS: Mapping[str, tuple[str, ...]] = {
    "douyin/clue": ("remark_dict",),
    "douyin/clue_push": ("remark_dict", "form_fields"),
    "webform/form": ("fields",),
}
