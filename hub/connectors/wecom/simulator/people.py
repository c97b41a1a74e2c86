"""Invented members and customers: seeded, so that a run can be repeated. Nobody here exists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

MEMBERS = ("zhangsan", "lisi", "wangwu")
CHANNELS = ("bd_sem_01", "fair_2026", "shop_qr_7")
# Numbers that no operator has given out to anybody we know: 199 0000 0000 and on.
_FIRST_MOBILE, _MOBILES = 19_900_000_000, 100_000
_REPEAT_SHARE, _REMARKED_SHARE = 0.1, 0.4
_NAMES = ("张三", "李四", "王五", "测试一", "测试二", "示例", "😀晓梅", "子轩")
_ADD_WAYS = (1, 3, 16, 24, 777)  # the last one is in no table
_TAG = {"group_name": "来源", "tag_name": "演示", "tag_id": "etDEMO1", "type": 1}

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SimulatedRelation:
    """One member who follows one customer; a customer may be followed by several."""

    number: int
    corp_id: str
    customer: int
    external_userid: str
    userid: str
    name: str
    mobile: str | None
    state: str
    add_way: int
    created_at: datetime

    @property
    def key(self) -> str:
        """What a sender remembers it by."""
        return f"{self.userid}/{self.external_userid}"

    def event(self) -> Payload:
        """The event of the adding, as its elements."""
        return {
            "ToUserName": self.corp_id,
            "FromUserName": "sys",
            "CreateTime": str(int(self.created_at.timestamp())),
            "MsgType": "event",
            "Event": "change_external_contact",
            "ChangeType": "add_external_contact",
            "UserID": self.userid,
            "ExternalUserID": self.external_userid,
            "State": self.state,
            "WelcomeCode": f"WC_DEMO_{self.number}",
        }

    def contact(self) -> Payload:
        """`external_contact` as the API shows it."""
        return {
            "external_userid": self.external_userid,
            "name": self.name,
            "avatar": "https://example.invalid/avatar.png",
            "type": 1,
            "gender": self.customer % 3,
            "unionid": f"oDEMO_{self.external_userid[-8:]}",
        }

    def followed(self) -> Payload:
        """One of `follow_user` as `externalcontact/get` shows it."""
        return {
            "userid": self.userid,
            "remark": self.name,
            "description": "",
            "createtime": int(self.created_at.timestamp()),
            "tags": [_TAG],
            "remark_corp_name": "",
            "remark_mobiles": [self.mobile] if self.mobile else [],
            "add_way": self.add_way,
            "oper_userid": self.external_userid,
            "state": self.state,
        }


def a_relation(seed: int, number: int, corp_id: str, created_at: datetime) -> SimulatedRelation:
    """Relation `number` of the run with this seed; one in ten is with a customer seen before, by another member."""
    chance = Random(f"relation:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    is_repeat = number > 0 and chance.random() < _REPEAT_SHARE
    customer = number - 1 if is_repeat else number
    person = Random(f"person:{seed}:{customer}")  # noqa: S311 -- as above
    mobile = str(_FIRST_MOBILE + customer % _MOBILES)
    return SimulatedRelation(
        number=number,
        corp_id=corp_id,
        customer=customer,
        external_userid=f"wmDEMO{seed:06d}{customer:020d}",
        # Neighbours have different members, so that a repeat is a relation of its own.
        userid=MEMBERS[number % len(MEMBERS)],
        name=person.choice(_NAMES),
        mobile=mobile if person.random() < _REMARKED_SHARE else None,
        state=chance.choice(CHANNELS),
        add_way=chance.choice(_ADD_WAYS),
        created_at=created_at,
    )
