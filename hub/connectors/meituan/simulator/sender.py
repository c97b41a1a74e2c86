"""The pushing side: a signed form for each lead, sent again with a new time stamp and the same id."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
import msgspec

from hub.connectors.meituan.signing import with_sign
from hub.connectors.meituan.simulator.world import Clock, SimulatedLead, World, utc_now
from hub.connectors.push_sender import BasePushSender, Habits

_OK = 200
_FORM = "application/x-www-form-urlencoded; charset=UTF-8"
BUSINESS = "58"
MESSAGE_TYPE = "DEMO"


class PushSender(BasePushSender[SimulatedLead]):
    """Posts leads of a world to `url`; always as forms, signed by the rule of the world's profile.

    `constants` are added to the fields before they are signed.
    """

    def __init__(
        self,
        world: World,
        url: str,
        *,
        constants: Mapping[str, str] | None = None,
        habits: Habits | None = None,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(url, seed=world.seed, clock=clock, habits=habits)
        self._world = world
        self._constants = constants or {}
        self._now = clock

    def request(self, lead: SimulatedLead) -> tuple[bytes, Mapping[str, str]]:
        """The form as it is sent now."""
        return self.body(lead), {"Content-Type": _FORM}

    def body(self, lead: SimulatedLead) -> bytes:
        """The signed form of a lead."""
        fields = {
            "developerId": self._world.app_id,
            "businessId": BUSINESS,
            "msgType": MESSAGE_TYPE,
            "msgId": f"m-{lead.lead_id}",
            "timestamp": str(int(self._now().timestamp())),
            "opBizCode": self._world.account,
            "message": msgspec.json.encode(lead.message()).decode(),
            **self._constants,
        }
        return urlencode(with_sign(self._world.profile, fields, self._world.app_secret)).encode()

    def is_ack(self, answer: httpx.Response) -> bool:
        """HTTP 200 and `{"code":0,…}`."""
        if answer.status_code != _OK:
            return False
        try:
            document = msgspec.json.decode(answer.content)
        except (ValueError, RecursionError):
            return False
        return isinstance(document, dict) and document.get("code") == 0
