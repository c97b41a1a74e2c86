"""The pushing side: signed messages, sent again every 30 s and three times at most, then never (notes §2)."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx
import msgspec

from hub.connectors.push_sender import BasePushSender, SendReport
from hub.connectors.push_sender import Habits as PushHabits
from hub.connectors.xiaohongshu.simulator.people import SimulatedDm, SimulatedForm
from hub.connectors.xiaohongshu.simulator.world import World

_OK = 200
HEADER = "X-Red-Signature"
Lead = SimulatedForm | SimulatedDm


@dataclass(frozen=True, slots=True)
class Habits(PushHabits):
    """How the sender behaves; with `restamp` a repetition has a timestamp of its own (whether it has is not
    documented). `form` and `charset` are no habits of this platform: it sends JSON only.
    """

    retry_after_s: Sequence[float] = (30.0, 30.0, 30.0)
    restamp: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """Message number `place` of a lead."""

    lead: Lead
    place: int

    @property
    def key(self) -> str:
        """What the sender remembers it by."""
        return f"{self.lead.key}/{self.place}"


class PushSender(BasePushSender[Message]):
    """Posts leads of a world to `url`, signed with the world's token or with `constants["token"]`.

    `acknowledged` goes by message; the report of `send` counts leads all of whose messages were.
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
        self._token = (constants or {}).get("token", world.app_secret).encode()
        self._tries: Counter[str] = Counter()

    async def send(
        self, leads: Iterable[Lead | Message], *, rate: float | None = None
    ) -> SendReport:
        """Push all messages of leads, `rate` leads a second; gives what became of the leads."""
        wanted = list(leads)
        messages = [message for lead in wanted for message in _messages(lead)]
        quicker = len(messages) / len(wanted) if wanted else 1.0
        report = await super().send(messages, rate=rate * quicker if rate else None)
        lost = set(report.given_up)
        by_lead: dict[str, bool] = {}
        for message in messages:
            key = message.lead.key
            by_lead[key] = by_lead.get(key, True) and message.key not in lost
        report.acknowledged = sum(by_lead.values())
        report.given_up = [key for key, is_whole in by_lead.items() if not is_whole]
        return report

    def body(self, lead: Lead, place: int = 0, *, repetition: int = 0) -> bytes:
        """The bytes of message number `place` of a lead."""
        sent_at, data = lead.messages()[place]
        late_s = 30 * repetition if self._style.restamp else 0
        return _encoded(int(sent_at.timestamp()) + late_s, self._world.drifted(data, lead.number))

    def signature(self, body: bytes) -> str:
        """The value of `X-Red-Signature`."""
        return "sha1=" + hmac.digest(self._token, body, "sha1").hex()

    def request(self, lead: Message) -> tuple[bytes, Mapping[str, str]]:
        """A message as it is sent now."""
        body = self.body(lead.lead, lead.place, repetition=self._tries[lead.key])
        self._tries[lead.key] += 1
        return body, self._headers(body)

    def is_ack(self, answer: httpx.Response) -> bool:
        """HTTP 200 is all that counts."""
        return answer.status_code == _OK

    async def send_test(self) -> int:
        """Press test on the set-up page: questions without answers. Gives the status."""
        asked = [{"label": label, "value": ""} for label in ("姓名", "手机号")]
        stamp = int(self._world.clock().timestamp())
        body = _encoded(stamp, {"leads_id": "", "data": asked})
        async with self.client() as http:
            answer = await http.post(self._url, content=body, headers=self._headers(body))
        return answer.status_code

    def _headers(self, body: bytes) -> Mapping[str, str]:
        return {"Content-Type": "application/json", HEADER: self.signature(body)}


def _messages(lead: Lead | Message) -> Iterator[Message]:
    if isinstance(lead, Message):
        yield lead
    else:
        yield from (Message(lead, place) for place in range(len(lead.messages())))


def _encoded(stamp: int, data: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"timestamp": stamp, "source": "official", "data": data})
