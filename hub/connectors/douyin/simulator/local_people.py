"""Invented leads of 本地推 (route B) and 来客 (route D): seeded, nobody here exists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from hub.connectors.douyin.simulator.people import PLACES, SETTLES_AFTER, SHANGHAI, WISHES, person

_FIRST_LIFE, _FIRST_LAIKE = 7_410_000_000_000_000_000, 7_420_000_000_000_000_000
_FIRST_VIDEO = 7_500_000_000_000_000_001
# Other people than those of the ad account: numbers further up.
_LIFE_PEOPLE, _LAIKE_PEOPLE = 40_000, 60_000


@dataclass(frozen=True, slots=True)
class SimulatedLifeClue:
    """One lead of a 本地推 account. `visible_at` is when the list begins to show it."""

    number: int
    clue_id: str
    local_account_id: str
    name: str
    telephone: str
    province: str
    city: str
    wish: str
    created_at: datetime
    visible_at: datetime
    refunded: bool = False

    @property
    def key(self) -> str:
        """What a sender remembers it by: the platform's id."""
        return self.clue_id

    def listed(self, now: datetime) -> dict[str, Any]:
        """The lead as `clue/life/get` shows it at `now`; a refund masks the phone."""
        settled = now - self.created_at >= SETTLES_AFTER
        created = written(self.created_at)
        order = {
            "order_id": 7_100_000_000_000_500_000 + self.number,
            "order_status": "交易关闭" if self.refunded else "支付成功",
            "product_id": "7150000000000000001",
            "product_name": self.wish,
            "product_type": "GROUPON",
        }
        is_order = self.refunded or self.number % 5 == 0
        return {
            "clue_id": self.clue_id,
            "local_account_id": self.local_account_id,
            **_shared(self.number, self.wish),
            "create_time_detail": created,
            "modify_time": written(self.created_at + SETTLES_AFTER) if settled else created,
            "name": self.name,
            "telephone": masked(self.telephone) if self.refunded else self.telephone,
            "weixin": "",
            "gender": ("UNKNOWN", "MALE", "FEMALE")[self.number % 3],
            "age": 0,
            "province_name": "",
            "city_name": "",
            "county_name": "",
            "country_name": "",
            "auto_province_name": self.province,
            "auto_city_name": self.city,
            "address": "",
            "remark": "",
            "clue_type": "GROUP_BUYING" if is_order else "FORM",
            "convert_status": 1 if settled else -1,
            **(order if is_order else {}),
        }


@dataclass(frozen=True, slots=True)
class SimulatedLaikeClue:
    """One lead of 来客. `cipher` is its phone as the list shows it, "" where it is shown plain."""

    number: int
    clue_id: str
    account_id: str
    name: str
    telephone: str
    wish: str
    created_at: datetime
    visible_at: datetime
    cipher: str = ""

    @property
    def key(self) -> str:
        """What a sender remembers it by: the platform's id."""
        return self.clue_id

    def listed(self, _now: datetime) -> dict[str, Any]:
        """The lead as `crm/clue/query` shows it."""
        encrypted = {"telephone": masked(self.telephone), "enc_telephone": self.cipher}
        return {
            "clue_id": self.clue_id,
            "root_life_account_id": self.account_id,
            **_shared(self.number, self.wish),
            "create_time_detail": written(self.created_at),
            "modify_time": written(self.created_at),
            "name": self.name,
            **(encrypted if self.cipher else {"telephone": self.telephone}),
            "tel_addr": "北京-北京",
            "gender": "UNKNOWN",
            "clue_type": "FORM",
            "author_douyin_id": "demo_author",
            "product_name": self.wish,
        }


def a_life_clue(
    seed: int, number: int, account_id: str, created_at: datetime, visible_at: datetime
) -> SimulatedLifeClue:
    """本地推 lead `number` of the run with this seed."""
    chance = Random(f"life:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    name, telephone = person(seed, _LIFE_PEOPLE + number)
    province, city = chance.choice(PLACES)
    return SimulatedLifeClue(
        number=number,
        clue_id=str(_FIRST_LIFE + seed % 1_000_000 * 1_000_000_000 + number),
        local_account_id=account_id,
        name=name,
        telephone=telephone,
        province=province,
        city=city,
        wish=chance.choice(WISHES),
        created_at=created_at,
        visible_at=visible_at,
    )


def a_laike_clue(
    seed: int, number: int, account_id: str, created_at: datetime, visible_at: datetime
) -> SimulatedLaikeClue:
    """来客 lead `number` of the run with this seed, its phone plain."""
    chance = Random(f"laike:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    name, telephone = person(seed, _LAIKE_PEOPLE + number)
    return SimulatedLaikeClue(
        number=number,
        clue_id=str(_FIRST_LAIKE + seed % 1_000_000 * 1_000_000_000 + number),
        account_id=account_id,
        name=name,
        telephone=telephone,
        wish=chance.choice(WISHES),
        created_at=created_at,
        visible_at=visible_at,
    )


def masked(telephone: str) -> str:
    """A phone as the platform masks it: 199****0001."""
    return f"{telephone[:3]}****{telephone[-4:]}"


def written(instant: datetime) -> str:
    """An instant as the platform writes it: naive, in Shanghai."""
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _shared(number: int, wish: str) -> dict[str, Any]:
    """What both lists say of where a lead came from."""
    return {
        "promotion_id": 7_300_000_000_000_000_456,
        "promotion_name": "演示",
        "content_id": "1",
        "tool_id": "1",
        "remark_dict": json.dumps({"意向项目": wish}, ensure_ascii=False),
        "flow_type": ("AD", "NATURE")[number % 2],
        "flow_entrance": "FEED",
        "action_type": "SHORT_VIDEO",
        "leads_page": "POI",
        "effective_state": 0,
        "effective_state_name": "NOT_MARKED",
        "follow_state_name": "NOT_CALLED",
        "allocation_status": "NOT_ASSIGN",
        "author_aweme_id": "demo_author",
        "author_nickname": "演示达人",
        "author_role": "达人",
        "staff_aweme_id": "demo_staff",
        "staff_nickname": "客服",
        "video_id": _FIRST_VIDEO + number % 7,
        "is_private_clue": "NO",
        "req_id": f"demo-req-{number}",
        "ext_info": "{}",
    }
