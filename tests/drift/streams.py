"""Long streams of leads of a platform that changes nothing: whatever is found in them is a false alarm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from hub.connectors.douyin.simulator.people import a_clue
from tests.drift import payloads
from tests.drift.payloads import START, Item

_NIGHT = range(8)


def simulated(seed: int, count: int) -> Iterator[Item]:
    """The simulator's own 飞鱼 leads, shown some minutes after they came, so that two fields are not settled yet."""
    chance = Random(f"stream:{seed}")
    for number in range(count):
        created = START + timedelta(seconds=40 * number)
        lead = a_clue(seed, number, "1700000000000001", created, created)
        yield lead.listed(created + timedelta(minutes=chance.randrange(1, 40)))


def uneven(seed: int, count: int) -> Iterator[Item]:
    """A livelier account: two forms that take turns, campaigns that come and go, nights unlike days."""
    chance = Random(f"uneven:{seed}")
    for number in range(count):
        item = payloads.clue(number, seed)
        hour = number // 90 % 24
        campaign = number // 1700
        item["promotion_name"] = f"计划{campaign}" if campaign % 2 else f"plan_{campaign}"
        item["clue_source"] = 5 if hour in _NIGHT and chance.random() < 0.6 else 1
        if chance.random() < (0.7 if hour in _NIGHT else 0.2):
            item["remark_dict"] = {"装修面积": f"{chance.randrange(60, 200)}平", "户型": "三居"}
        if campaign % 3 == 2:
            item["store"] = {**item["store"], "store_id": 7_300_000_000_000_000_009}
        if hour in _NIGHT:
            item["weixin"] = item["remark"] = ""
        yield item


def starred(seed: int, count: int) -> Iterator[Item]:
    """Pushed 星图 leads."""
    for number in range(count):
        yield payloads.star_push(number, seed)


def submitted(seed: int, count: int) -> Iterator[Item]:
    """Submissions of a web form, a second form beside it after a third of the time."""
    chance = Random(f"forms:{seed}")
    for number in range(count):
        item = payloads.form(number, seed)
        if number > count // 3 and chance.random() < 0.5:
            item["fields"] = {"姓名": "测试一", "手机": item["fields"]["mobile"], "城市": "杭州"}
        yield item


STREAMS = {
    "simulated": ("douyin/clue", simulated),
    "uneven": ("douyin/clue", uneven),
    "starred": ("douyin/star_push", starred),
    "submitted": ("webform/form", submitted),
}
