"""The calling-back side: every event of a flow, signed anew at each try, with the body as it first was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import msgspec

from hub.connectors.esign.simulator.flows import SimulatedFlow
from hub.connectors.esign.simulator.world import World
from hub.connectors.push_sender import BasePushSender, SendReport
from hub.connectors.push_sender import Habits as PushHabits
from hub.connectors.signing_callbacks import esign_signature, esign_values


@dataclass(frozen=True, slots=True)
class Habits(PushHabits):
    """How the sender behaves. With `twice` each event comes by the console's subscription and by notifyUrl.

    `form` and `charset` are no habits of this platform: it sends JSON only.
    """

    retry_after_s: Sequence[float] = (10.0, 10.0, 30.0)
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Callback:
    """Event number `place` of a flow; `copy` tells the second subscription's from the first's."""

    flow: SimulatedFlow
    place: int
    copy: int = 0

    @property
    def key(self) -> str:
        """What the sender remembers it by."""
        return f"{self.flow.key}/{self.place}/{self.copy}"


class PushSender(BasePushSender[Callback]):
    """Posts the events of a world's flows to `url`, signed with its secret or with `constants["token"]`.

    `acknowledged` goes by event; the report of `send` counts flows all of whose events were.
    """

    def __init__(
        self,
        world: World,
        url: str,
        *,
        constants: Mapping[str, str] | None = None,
        habits: Habits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._style = habits or Habits()
        super().__init__(
            url, seed=world.seed, clock=world.clock, habits=self._style, transport=transport
        )
        self._world = world
        self._secret = (constants or {}).get("token", world.app_secret).encode()
        self._values = esign_values(urlsplit(url).query.encode())

    async def send(
        self, leads: Iterable[SimulatedFlow | Callback], *, rate: float | None = None
    ) -> SendReport:
        """Push all events of flows, `rate` flows a second; gives what became of the flows."""
        wanted = list(leads)
        events = [event for lead in wanted for event in self._events(lead)]
        quicker = len(events) / len(wanted) if wanted else 1.0
        report = await super().send(events, rate=rate * quicker if rate else None)
        lost = set(report.given_up)
        whole: dict[str, bool] = {}
        for event in events:
            whole[event.flow.key] = whole.get(event.flow.key, True) and event.key not in lost
        report.acknowledged = sum(whole.values())
        report.given_up = [key for key, is_whole in whole.items() if not is_whole]
        return report

    def body(self, lead: SimulatedFlow, place: int | None = None) -> bytes:
        """The bytes of event number `place` of a flow; of all together, one a line, unless said."""
        events = lead.events() if place is None else [lead.events()[place]]
        shown = [self._world.shown(event, lead.number) for event in events]
        return b"\n".join(map(msgspec.json.encode, shown))

    def request(self, lead: Callback) -> tuple[bytes, Mapping[str, str]]:
        """An event as it is sent now."""
        body = self.body(lead.flow, lead.place)
        return body, self.headers(body)

    def headers(self, body: bytes) -> Mapping[str, str]:
        """The signed headers of a body."""
        timestamp = str(int(self._world.clock().timestamp() * 1000))
        return {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Tsign-Open-App-Id": self._world.app_id,
            "X-Tsign-Open-TIMESTAMP": timestamp,
            "X-Tsign-Open-SIGNATURE-ALGORITHM": "hmac-sha256",
            "X-Tsign-Open-SIGNATURE": esign_signature(
                self._secret, timestamp.encode(), self._values, body
            ),
        }

    def is_ack(self, answer: httpx.Response) -> bool:
        """Any 2xx counts."""
        return answer.is_success

    def _events(self, lead: SimulatedFlow | Callback) -> Iterator[Callback]:
        if isinstance(lead, Callback):
            yield lead
            return
        for place in range(len(lead.events())):
            for copy in range(2 if self._style.twice else 1):
                yield Callback(lead, place, copy)
