"""Invented calls, seeded, so that a run can be repeated; and how two vendors tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

Vendor = Literal["tccc", "moor"]
LINE = "4001234567"
SDK_APP_ID = 1400000001

_SHANGHAI = ZoneInfo("Asia/Shanghai")
# Numbers that no operator has given out to anybody we know.
_FIRST_MOBILE = 19_900_200_000
_MOBILES = 100_000
_REPEAT_SHARE, _OUTBOUND_SHARE, _MISSED_SHARE = 0.05, 0.1, 0.25
_AGENTS = ("测试一", "测试二", "示例")
_PLACES = (("广东", "深圳"), ("浙江", "杭州"), ("四川", "成都"))
_MISSED = ((102, "ivrGiveUp", "leak"), (103, "waitingGiveUp", "queueLeak"), (202, "notAnswer", "notDeal"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """One invented call; `missed` is None for an answered one, else its state in each vendor's words."""

    number: int
    seed: int
    vendor: Vendor
    customer: str
    outbound: bool
    missed: tuple[int, str, str] | None
    agent: str
    place: tuple[str, str]
    rang_at: datetime
    waited_s: int
    talked_s: int

    @property
    def key(self) -> str:
        """The vendor's id of the call."""
        return f"{self.vendor}-demo-{self.seed}-{self.number:08d}"

    @property
    def is_lead(self) -> bool:
        """Whether the hub should make a lead of it."""
        return not self.outbound

    def push_id(self, action: str) -> str:
        """The id of one push, the same at every try."""
        return str(uuid5(NAMESPACE_URL, f"{self.key}/{action}"))

    def _ends(self) -> tuple[str, str]:
        """Who calls, who is called."""
        return (LINE, self.customer) if self.outbound else (self.customer, LINE)

    def _answered_at(self) -> datetime | None:
        return None if self.missed else self.rang_at + timedelta(seconds=self.waited_s)

    @property
    def ended_at(self) -> datetime:
        """When it was over."""
        talked = 0 if self.missed else self.talked_s
        return self.rang_at + timedelta(seconds=self.waited_s + talked)

    def cdr(self) -> dict[str, Any]:
        """The call record of TCCC."""
        caller, callee = self._ends()
        answered = self._answered_at()
        code, text = self.missed[:2] if self.missed else (1, "ok")
        return {
            "SdkAppId": SDK_APP_ID,
            "SessionId": self.key,
            "Caller": caller,
            "Callee": callee,
            "Direction": int(self.outbound),
            "CallType": 1 if self.outbound else 2,
            "Duration": 0 if self.missed else self.talked_s,
            "SeatUser": {"Name": self.agent, "Mail": "seat@example.invalid"},
            "CallerLocation": "".join(self.place),
            "IVRDuration": 3,
            "RingTimestamp": int(self.rang_at.timestamp()),
            "AcceptTimestamp": int(answered.timestamp()) if answered else 0,
            "EndedTimestamp": int(self.ended_at.timestamp()),
            "QueuedSkillGroupID": 11,
            "ServeParticipants": [],
            "EndStatus": code,
            "EndStatusString": text,
        }

    def listed(self) -> dict[str, Any]:
        """The call as DescribeTelCdr lists it: numbers with the country's code, the recording beside."""
        record = self.cdr()
        pushed_only = ("SdkAppId", "QueuedSkillGroupID")
        shared = {name: value for name, value in record.items() if name not in pushed_only}
        began = int(self.rang_at.timestamp())
        recording = {} if self.missed else {"RecordId": f"rec-{self.key}"}
        return {
            **shared,
            "Time": began,
            "StartTimestamp": began,
            "QueuedSkillGroupId": record["QueuedSkillGroupID"],
            "HungUpSide": "user",
            **recording,
        }

    def listed_by_clink(self) -> dict[str, Any]:
        """The same call, had it come in at an enterprise of clink, whose numbers are masked."""
        answered = self._answered_at()
        return {
            "uniqueId": f"demo_{self.seed}-{int(self.rang_at.timestamp())}.{self.number}",
            "hotline": LINE,
            "customerNumber": f"{self.customer[:3]}****{self.customer[-4:]}",
            "customerProvince": self.place[0],
            "customerCity": self.place[1],
            "clientName": self.agent,
            "status": "2" if self.missed else "1",
            "startTime": int(self.rang_at.timestamp()),
            "bridgeTime": int(answered.timestamp()) if answered else 0,
            "endTime": int(self.ended_at.timestamp()),
            "bridgeDuration": 0 if self.missed else self.talked_s,
            "recordFile": None if self.missed else f"{self.key}.mp3",
        }

    def recording(self) -> dict[str, Any] | None:
        """The recording of the customer's leg, None of a call that nobody answered."""
        if self.missed:
            return None
        return {
            "SdkAppId": SDK_APP_ID,
            "RecordId": f"rec-{self.key}",
            "SessionId": self.key,
            "Timestamp": int(self.ended_at.timestamp()),
            "EndpointUser": self.customer,
            "RecordURL": f"https://example.invalid/{self.key}.mp3",
            "CustomRecordURL": "",
        }

    def states(self) -> list[dict[str, str]]:
        """The call state by state, as 7moor sends them."""
        caller, called = self._ends()
        head = {
            "CallNo": caller,
            "CalledNo": called,
            "CallSheetID": self.key,
            "CallType": "dialout" if self.outbound else "normal",
            "Ring": _text(self.rang_at),
            "Province": self.place[0],
            "District": self.place[1],
            "Queue": "1001",
        }
        answered = self._answered_at()
        talk = {"Begin": _text(answered), "AgentName": self.agent} if answered else {}
        state = self.missed[2] if self.missed else "dealing"
        end = {**talk, "State": state, "End": _text(self.ended_at)}
        if answered:
            end |= {
                "RecordFile": f"monitor/{self.key}.mp3",
                "FileServer": "http://example.invalid",
            }
        told = [("Ring", {}), ("Ringing", {}), *([("Link", talk)] if answered else [])]
        return [{**head, "CallState": name, **more} for name, more in [*told, ("Hangup", end)]]


def a_call(seed: int, number: int, vendor: Vendor, rang_at: datetime) -> SimulatedCall:
    """Call `number` of the run with this seed."""
    chance = Random(f"call:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    repeats = number > 0 and chance.random() < _REPEAT_SHARE
    who = chance.randrange(number) if repeats else number
    return SimulatedCall(
        number=number,
        seed=seed,
        vendor=vendor,
        customer=str(_FIRST_MOBILE + who % _MOBILES),
        outbound=chance.random() < _OUTBOUND_SHARE,
        missed=chance.choice(_MISSED) if chance.random() < _MISSED_SHARE else None,
        agent=chance.choice(_AGENTS),
        place=chance.choice(_PLACES),
        rang_at=rang_at.replace(microsecond=0),
        waited_s=chance.randrange(2, 40),
        talked_s=chance.randrange(5, 600),
    )


def _text(instant: datetime) -> str:
    return instant.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
