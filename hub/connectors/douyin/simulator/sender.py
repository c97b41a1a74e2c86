"""The pushing side of the simulated platform: a rule that posts leads, with its bad habits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from hub.connectors.douyin.client import code_of
from hub.connectors.douyin.simulator.behaviour import Clock, utc_now
from hub.connectors.douyin.simulator.people import SimulatedClue, SimulatedStarClue
from hub.connectors.douyin.simulator.world import World
from hub.connectors.push_sender import BasePushSender, Habits

_OK = 200
Lead = SimulatedClue | SimulatedStarClue
# Keys as a person types them into a rule: ours on the right of the connector's defaults.
DEFAULT_RULE: Mapping[str, str] = {
    "clueId": "clue_id",
    "name": "name",
    "mobile": "telephone",
    "create_time": "create_time_detail",
    "promotion_id": "promotion_id",
    "adv_id": "advertiser_id",
    "adv_name": "advertiser_name",
    "province": "province_name",
    "clue_source": "clue_source",
    "remark_dict": "remark_dict",
}


class PushSender(BasePushSender[Lead]):
    """Posts leads of a world to `url`.

    Leads of the ad account are pushed by a rule, those of 星图 whole.
    """

    def __init__(
        self,
        world: World,
        url: str,
        *,
        rule: Mapping[str, str] = DEFAULT_RULE,
        constants: Mapping[str, str] | None = None,
        habits: Habits | None = None,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(url, seed=world.seed, clock=clock, habits=habits)
        self._world = world
        self._rule = rule
        self._constants = constants or {}

    def request(self, lead: Lead) -> tuple[bytes, Mapping[str, str]]:
        """`body` with its content type."""
        body, content_type = self.body(lead)
        return body, {"Content-Type": content_type}

    def is_ack(self, answer: httpx.Response) -> bool:
        """HTTP 200 and code 0 in the body."""
        return answer.status_code == _OK and code_of(answer.content) == 0

    def body(self, clue: Lead) -> tuple[bytes, str]:
        """The request body and content type for a lead, as the rule says."""
        if isinstance(clue, SimulatedClue):
            fields = self._by_rule(clue)
        else:
            fields = self._world.drifted(clue.pushed(), clue.number)
        fields = {**fields, **self._constants}
        habits = self._habits
        if not habits.form:
            return msgspec.json.encode(fields), "application/json"
        flat = {key: _flat(value) for key, value in fields.items()}
        body = urlencode(flat, encoding=habits.charset).encode()
        return body, f"application/x-www-form-urlencoded; charset={habits.charset}"

    def _by_rule(self, clue: SimulatedClue) -> dict[str, Any]:
        """What the rule was given; a field that a drift adds goes along under its own name."""
        plain = clue.listed(clue.created_at)
        plain["promotion_id"] = str(plain["promotion_id"])
        shown = self._world.drifted(plain, clue.number)
        ruled = {key: shown[name] for key, name in self._rule.items() if name in shown}
        return ruled | {name: value for name, value in shown.items() if name not in plain}


def _flat(value: object) -> str:
    """A form can hold text only: what is not text travels as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
