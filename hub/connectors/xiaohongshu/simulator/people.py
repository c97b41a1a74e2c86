"""Invented people and leads: seeded, so that a run can be repeated. Nobody here exists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

_SHANGHAI = ZoneInfo("Asia/Shanghai")
# Numbers that no operator has given out to anybody we know: 199 0000 0000 and on.
_FIRST_MOBILE = 19_900_000_000
_MOBILES = 100_000
_REPEAT_SHARE = 0.03
_SURNAMES = "张王李赵陈刘杨黄周吴"
_GIVEN = ("三", "四", "五", "小明", "小红", "测试一", "测试二", "示例", "晓梅", "子轩")
_WISHES = ("口腔种植", "少儿编程", "全屋定制", "摄影套餐", "瑜伽私教")
# What advertisers type above the two questions of their landing pages.
_NAME_LABELS = ("姓名", "您的称呼", "怎么称呼您", "联系人")
_PHONE_LABELS = ("手机号", "联系电话", "您的手机号码", "电话（用于接收报价）")
_UPDATE_AFTER = timedelta(minutes=1)

Data = dict[str, Any]
Message = tuple[datetime, Data]


def _local(instant: datetime) -> str:
    """An instant as the platform writes it: naive, in Shanghai."""
    return instant.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class SimulatedForm:
    """One lead of a landing page's form."""

    number: int
    leads_id: str
    account_id: str
    name: str
    mobile: str
    wishes: tuple[str, ...]
    page: int
    created_at: datetime

    @property
    def key(self) -> str:
        """What a sender remembers it by: the platform's id."""
        return self.leads_id

    def messages(self) -> list[Message]:
        """The one message: when it is sent, and its `data`. How several choices are joined differs by page."""
        joined: Any = list(self.wishes) if self.page % 2 else "，".join(self.wishes)
        answers = [
            {"label": _NAME_LABELS[self.page % len(_NAME_LABELS)], "value": self.name},
            {"label": _PHONE_LABELS[self.page % len(_PHONE_LABELS)], "value": self.mobile},
            {"label": "感兴趣的项目", "value": joined},
        ]
        data = {
            "leads_id": self.leads_id,
            "landing_page_id": 10_001 + self.page,
            "url": f"https://example.invalid/lp/{self.page}",
            "submitted_time": _local(self.created_at),
            "source_channel": "小红书",
            "account_id": self.account_id,
            "account_name": "演示账户",
            "campaign_id": f"C{self.page}",
            "campaign_name": "演示计划",
            "unit_id": f"U{self.page}",
            "unit_name": "演示单元",
            "creative_id": f"R{self.page}",
            "keyword": "",
            "data": answers,
        }
        return [(self.created_at, data)]


@dataclass(frozen=True, slots=True)
class SimulatedDm:
    """One lead of a direct message, sent three times: new, with other content, with an attribution.

    The keys of contact and campaign are invented: how the platform calls them is not known.
    """

    number: int
    dm_id: str
    name: str
    mobile: str
    created_at: datetime

    @property
    def key(self) -> str:
        """What a sender remembers it by: the platform's id."""
        return self.dm_id

    def messages(self) -> list[Message]:
        """When each message is sent, and its `data`. A later one carries what has changed."""
        first = {
            "id": self.dm_id,
            "type": 0,
            "time": _local(self.created_at),
            "nick_name": f"小红薯{self.number:05d}",
        }
        content = {"id": self.dm_id, "type": 0, "phone": self.mobile}
        attribution = {"id": self.dm_id, "type": 0, "campaign_id": f"C{self.number % 4}"}
        parts = (first, content, attribution)
        return [(self.created_at + n * _UPDATE_AFTER, part) for n, part in enumerate(parts)]


def a_form(seed: int, number: int, account_id: str, created_at: datetime) -> SimulatedForm:
    """Lead `number` of the run with this seed; about three in a hundred are a person seen before."""
    chance = Random(f"form:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    person = chance.randrange(number) if number and chance.random() < _REPEAT_SHARE else number
    name, mobile = _person(seed, person)
    return SimulatedForm(
        number=number,
        leads_id=f"demo-lead-{seed}-{number}",
        account_id=account_id,
        name=name,
        mobile=mobile,
        wishes=tuple(chance.sample(_WISHES, chance.randint(1, 2))),
        page=chance.randrange(4),
        created_at=created_at,
    )


def a_dm(seed: int, number: int, created_at: datetime) -> SimulatedDm:
    """Direct-message lead `number` of the run with this seed."""
    name, mobile = _person(seed, _MOBILES - 1 - number)
    return SimulatedDm(number, f"demo-dm-{seed}-{number}", name, mobile, created_at)


def _person(seed: int, number: int) -> tuple[str, str]:
    """A name and a mobile: the same number is the same person within a run."""
    chance = Random(f"person:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    name = chance.choice(_SURNAMES) + chance.choice(_GIVEN)
    return name, str(_FIRST_MOBILE + number % _MOBILES)
