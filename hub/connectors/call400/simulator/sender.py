"""The pushing side: TCCC posts a record and its recording, 7moor asks by GET once a state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from hub.connectors.call400.profiles import PROFILES
from hub.connectors.call400.simulator.calls import SimulatedCall
from hub.connectors.call400.simulator.world import Clock, World, utc_now
from hub.connectors.push_sender import BasePushSender, Habits

Push = Callable[[], Awaitable[httpx.Response]]

_OK = 200
_ACKS = (PROFILES["tccc_cdr"].ack, PROFILES["moor_call"].ack)


class PushSender(BasePushSender[SimulatedCall]):
    """Pushes calls of a world to `url`: all of a call's pushes count as one.

    `constants` are added to each push. If calls are shuffled, so are the pushes of one.
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

    def request(self, lead: SimulatedCall) -> tuple[bytes, Mapping[str, str]]:
        """Body and headers of a call's first push; of 7moor the query stands for the body."""
        if lead.vendor == "moor":
            return urlencode(self._told(lead, lead.states()[-1])).encode(), {}
        return self._posted(lead, "cdr", lead.cdr())

    def body(self, lead: SimulatedCall) -> bytes:
        """What is sent of how the call ended."""
        return self.request(lead)[0]

    def is_ack(self, answer: httpx.Response) -> bool:
        """HTTP 200 and, byte for byte, what the vendor wants to hear."""
        return answer.status_code == _OK and answer.content in _ACKS

    async def exchange(self, http: httpx.AsyncClient, lead: SimulatedCall) -> httpx.Response:
        """All pushes of a call, one after the other, up to the first that is not acknowledged."""
        pushes = self._by_get(http, lead) if lead.vendor == "moor" else self._by_post(http, lead)
        if self._habits.reorder_within > 1:
            self._chance.shuffle(pushes)
        for push in pushes:
            answer = await push()
            if not self.is_ack(answer):
                break
        return answer

    def _by_get(self, http: httpx.AsyncClient, call: SimulatedCall) -> list[Push]:
        def push(state: dict[str, str]) -> Push:
            return lambda: http.get(self._url, params=self._told(call, state))

        return [push(state) for state in call.states()]

    def _by_post(self, http: httpx.AsyncClient, call: SimulatedCall) -> list[Push]:
        def push(action: str, document: dict[str, Any]) -> Push:
            body, headers = self._posted(call, action, document)
            query = {"action": action, "version": "1"}
            return lambda: http.post(self._url, params=query, content=body, headers=headers)

        recording = call.recording()
        more = [push("record", recording)] if recording else []
        return [push("cdr", call.cdr()), *more]

    def _posted(
        self, call: SimulatedCall, action: str, document: dict[str, Any]
    ) -> tuple[bytes, Mapping[str, str]]:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-TCCC-PUSH-UUID": call.push_id(action),
        }
        return msgspec.json.encode(self._told(call, document)), headers

    def _told(self, call: SimulatedCall, document: dict[str, Any]) -> dict[str, Any]:
        return {**self._world.drifted(document, call.number), **self._constants}
