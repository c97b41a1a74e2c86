"""Invented people and leads: seeded, so that a run can be repeated. Nobody here exists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
SETTLES_AFTER = timedelta(minutes=10)

_FIRST_CLUE = 7_400_000_000_000_000_000
_FIRST_STAR_ITEM = 7_500_000_000_000_000_000
_FIRST_UID = 90_000_000_000_000
# Numbers that no operator has given out to anybody we know: 199 0000 0000 and on.
_FIRST_MOBILE = 19_900_000_000
_MOBILES = 100_000
_SURNAMES = "张王李赵陈刘杨黄周吴"
_GIVEN = ("三", "四", "五", "小明", "小红", "测试一", "测试二", "示例", "晓梅", "子轩")
PLACES = (
    ("北京", "北京"),
    ("上海", "上海"),
    ("广东", "深圳"),
    ("浙江", "杭州"),
    ("四川", "成都"),
)
WISHES = ("口腔种植", "少儿编程", "全屋定制", "摄影套餐", "瑜伽私教")
_REPEAT_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class SimulatedClue:
    """One lead of an ad account. `visible_at` is when the list begins to show it."""

    number: int
    clue_id: str
    advertiser_id: str
    promotion_id: int
    name: str
    telephone: str
    province: str
    city: str
    wish: str
    created_at: datetime
    visible_at: datetime

    @property
    def key(self) -> str:
        """What a sender remembers it by: the platform's id."""
        return self.clue_id

    def created_text(self) -> str:
        """The creation time as the platform writes it: naive, in Shanghai."""
        return self.created_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")

    def listed(self, now: datetime) -> dict[str, Any]:
        """The lead as `clue/get` shows it at `now`; two fields settle ten minutes after creation."""
        settled = now - self.created_at >= SETTLES_AFTER
        none = {"store_id": 0, "store_name": "", "store_pack_id": 0, "store_pack_name": ""}
        return {
            "clue_id": self.clue_id,
            "advertiser_id": self.advertiser_id,
            "advertiser_name": "演示客户",
            "ad_id": "",
            "ad_name": "",
            "creative_id": "",
            "promotion_id": self.promotion_id,
            "promotion_name": "演示广告",
            "project_id": "7200000000000000001",
            "mid_info": '{"titleId":1,"videoId":2,"imageId":3}',
            "site_id": "0",
            "site_name": "",
            "external_url": "https://example.invalid/p",
            "clue_type": 0,
            "module_id": "0",
            "module_name": "演示表单",
            "create_time": self.created_text()[:10],
            "create_time_detail": self.created_text(),
            "date": None,
            "clue_source": 1,
            "name": self.name,
            "telephone": self.telephone,
            "telephone_address": f"{self.province}-{self.city}",
            "gender": self.number % 3,
            "age": 0,
            "email": "",
            "weixin": "",
            "qq": "",
            "province_name": self.province,
            "city_name": self.city,
            "country_name": "",
            "address": "",
            "location": f"{self.province}+{self.city}",
            "remark": "",
            "remark_dict": {"意向项目": self.wish},
            "form_remark": "",
            "app_name": "抖音" if settled else "",
            "convert_status": "合法转化" if settled else "数据获取中",
            "req_id": f"demo-req-{self.number}",
            "clue_state": 1,
            "clue_state_name": "新线索",
            "clue_owner_name": "",
            "follow_state_name": "未联系",
            "allocation_status": 0,
            "system_tags": [],
            "tags": [],
            "ext_info": "{}",
            "search_bid_word": "",
            "clue_return_status": "正常",
            "store": none,
        }


@dataclass(frozen=True, slots=True)
class SimulatedStarClue:
    """One lead of a creator-marketing account; the platform gives it no id."""

    number: int
    star_id: int
    name: str
    phone: str
    created_at: datetime

    @property
    def key(self) -> str:
        """What a sender remembers it by: its number."""
        return f"star-{self.number}"

    def identity(self) -> tuple[str, ...]:
        """The values that name it, as text: it has no id."""
        names = ("star_id", "order_id", "item_id", "phone", "create_time")
        shown = self.listed(self.created_at)
        return tuple(str(shown[name]) for name in names)

    def pushed(self) -> dict[str, Any]:
        """The lead as it is pushed: the list's fields and the user's UID."""
        return {**self.listed(self.created_at), "uid": str(_FIRST_UID + self.number)}

    def listed(self, _now: datetime) -> dict[str, Any]:
        """The lead as `star/clue/get` shows it: it does not change."""
        return {
            "star_id": self.star_id,
            "demand_id": 7_100_000_000_000_000_001,
            "order_id": 7_100_000_000_000_001_000 + self.number % 7,
            "item_id": _FIRST_STAR_ITEM + self.number % 11,
            "author_uid": 7_600_000_000_000_000_001,
            "author_name": "演示达人",
            "component_type": "STAR_ANCHOR_CAR",
            "anchor_name": "演示组件",
            "phone": self.phone,
            "name": self.name,
            "province": "北京",
            "city": "北京",
            "create_time": self.created_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
        }


def a_clue(
    seed: int, number: int, advertiser_id: str, created_at: datetime, visible_at: datetime
) -> SimulatedClue:
    """Lead `number` of the run with this seed; about three in a hundred are a person seen before."""
    chance = Random(f"clue:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    repeats = number and chance.random() < _REPEAT_SHARE
    name, telephone = person(seed, chance.randrange(number) if repeats else number)
    province, city = chance.choice(PLACES)
    return SimulatedClue(
        number=number,
        clue_id=str(_FIRST_CLUE + seed % 1_000_000 * 1_000_000_000 + number),
        advertiser_id=advertiser_id,
        promotion_id=7_300_000_000_000_000_001 + chance.randrange(5),
        name=name,
        telephone=telephone,
        province=province,
        city=city,
        wish=chance.choice(WISHES),
        created_at=created_at,
        visible_at=visible_at,
    )


def a_star_clue(seed: int, number: int, star_id: str, created_at: datetime) -> SimulatedStarClue:
    """Creator-marketing lead `number` of the run with this seed."""
    name, phone = person(seed, _MOBILES - 1 - number)
    return SimulatedStarClue(number, int(star_id), name, phone, created_at)


def person(seed: int, number: int) -> tuple[str, str]:
    """A name and a mobile: the same number is the same person within a run."""
    chance = Random(f"person:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    name = chance.choice(_SURNAMES) + chance.choice(_GIVEN)
    return name, str(_FIRST_MOBILE + number % _MOBILES)
