"""Calls as 天润 and Udesk push them, for the demo: the same invented callers as the simulated call centres have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx
import msgspec

from hub.connectors.call400.profiles import PROFILES
from hub.connectors.call400.simulator import SimulatedCall
from hub.connectors.call400.simulator.calls import LINE, a_call
from hub.connectors.call400.simulator.world import utc_now
from hub.connectors.push_sender import BasePushSender, Habits

_OK = 200
_ZONE = ZoneInfo("Asia/Shanghai")
_ANSWERED, _NOT_ANSWERED, _IN, _OUT = "1", "2", "1", "4"


def calls(seed: int, count: int, rang_at: datetime) -> list[SimulatedCall]:
    """`count` calls, a second apart."""
    return [a_call(seed, n, "tccc", rang_at + timedelta(seconds=n)) for n in range(count)]


class TinetSender(BasePushSender[SimulatedCall]):
    """One form a call, when it is over."""

    def __init__(self, url: str, *, habits: Habits) -> None:
        super().__init__(url, seed=1, clock=utc_now, habits=habits)

    def request(self, lead: SimulatedCall) -> tuple[bytes, Mapping[str, str]]:
        """The record of a finished call."""
        began = int(lead.rang_at.timestamp())
        answered = 0 if lead.missed else began + lead.waited_s
        fields = {
            "cdr_main_unique_id": lead.key,
            "cdr_enterprise_id": "7000002",
            "cdr_customer_number": lead.customer,
            "cdr_hotline": LINE,
            "cdr_call_type": _OUT if lead.outbound else _IN,
            "cdr_status": _NOT_ANSWERED if lead.missed else _ANSWERED,
            "cdr_start_time": str(began),
            "cdr_bridge_time": str(answered),
            "cdr_end_time": str((answered + lead.talked_s) if answered else began + lead.waited_s),
        }
        return urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}

    def is_ack(self, answer: httpx.Response) -> bool:
        """The vendor's words, byte for byte."""
        return answer.status_code == _OK and answer.content == PROFILES["tinet_cdr"].ack


class UdeskSender(BasePushSender[SimulatedCall]):
    """Two pushes a call: it rings, it is over; the second is sent only once the first was taken."""

    def __init__(self, url: str, *, habits: Habits) -> None:
        super().__init__(url, seed=1, clock=utc_now, habits=habits)

    def request(self, lead: SimulatedCall) -> tuple[bytes, Mapping[str, str]]:
        """The push at the end of a call."""
        ended: dict[str, Any] = {
            "call_result": "客户速挂" if lead.missed else "客服接听",
            "total_time": lead.waited_s + (0 if lead.missed else lead.talked_s),
            "agent_id": 7,
        }
        return _json({**_ringing(lead), **ended})

    async def exchange(self, http: httpx.AsyncClient, lead: SimulatedCall) -> httpx.Response:
        """Both pushes of a call, in their order."""
        answer = await self._post_json(http, _json(_ringing(lead)))
        return await self._post_json(http, self.request(lead)) if self.is_ack(answer) else answer

    def is_ack(self, answer: httpx.Response) -> bool:
        """HTTP 200 is all that counts."""
        return answer.status_code == _OK

    async def _post_json(
        self, http: httpx.AsyncClient, made: tuple[bytes, Mapping[str, str]]
    ) -> httpx.Response:
        return await http.post(self._url, content=made[0], headers=made[1])


def _ringing(lead: SimulatedCall) -> dict[str, Any]:
    rang = lead.rang_at.astimezone(_ZONE).strftime("%Y-%m-%d %H:%M:%S %z")
    return {
        "call_id": lead.key,
        "customer_phone": lead.customer,
        "mobile_area": "".join(lead.place),
        "display_number": LINE,
        "workflow": "out_direct" if lead.outbound else "in",
        "customer_ring_at": rang,
    }


def _json(fields: Mapping[str, Any]) -> tuple[bytes, Mapping[str, str]]:
    return msgspec.json.encode(fields), {"Content-Type": "application/json"}
