"""The calling-back side: encrypted events, each try encrypted anew, three tries in all (notes §1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from xml.sax.saxutils import escape

import httpx
import msgspec

from hub.connectors.push_sender import BasePushSender
from hub.connectors.push_sender import Habits as PushHabits
from hub.connectors.wecom import crypto
from hub.connectors.wecom.simulator.people import Payload, SimulatedRelation
from hub.connectors.wecom.simulator.world import World

_OK = 200


@dataclass(frozen=True, slots=True)
class Habits(PushHabits):
    """How the sender behaves. `form` sends the JSON variant of the callback, as a corp may choose.

    With `same_bytes` a retry is the first try again; whether it is, is not documented. `charset` is no
    habit of this platform.
    """

    retry_after_s: Sequence[float] = (1.0, 5.0)
    same_bytes: bool = False


class PushSender(BasePushSender[SimulatedRelation]):
    """Posts the events of a world to `url`, signed with its Token or with `constants["token"]`."""

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
        self._hook = url
        self._token = (constants or {}).get("token", world.app_secret).encode()
        self._random = Random(f"callback:{world.seed}")  # noqa: S311 -- a run that can be repeated; its key is invented
        self._sent: dict[str, tuple[bytes, Mapping[str, str]]] = {}

    def event(self, lead: SimulatedRelation) -> bytes:
        """The event of a relation as it is now, in clear."""
        return _xml(self._world.drifted(lead.event(), lead.number))

    def body(self, lead: SimulatedRelation) -> bytes:
        """What a drift can change: the event, and what the API answers about the customer."""
        shown = [
            self._world.shown(part, lead.number) for part in (lead.contact(), lead.followed())
        ]
        return self.event(lead) + msgspec.json.encode(shown)

    def request(self, lead: SimulatedRelation) -> tuple[bytes, Mapping[str, str]]:
        """Body and query of one try."""
        if self._style.same_bytes and lead.key in self._sent:
            return self._sent[lead.key]
        made = self.callback(self.event(lead))
        self._sent[lead.key] = made
        return made

    def callback(self, plain: bytes) -> tuple[bytes, Mapping[str, str]]:
        """Body and query of a callback that carries `plain`."""
        encrypted, query = self._signed(plain)
        if self._style.form:
            document = {"tousername": self._world.corp_id, "encrypt": encrypted, "agentid": "1"}
            return msgspec.json.encode(document), query
        outer = {"ToUserName": self._world.corp_id, "AgentID": "1000002", "Encrypt": encrypted}
        return _xml(outer), query

    def is_ack(self, answer: httpx.Response) -> bool:
        """HTTP 200 is all that counts."""
        return answer.status_code == _OK

    async def exchange(self, http: httpx.AsyncClient, lead: SimulatedRelation) -> httpx.Response:
        """One try: the signature stands in the query."""
        body, query = self.request(lead)
        return await self._post_callback(http, body, query)

    async def send_event(self, event: Payload) -> int:
        """Call back once with an event of any kind; the status of the answer."""
        body, query = self.callback(_xml(event))
        async with self.client() as http:
            return (await self._post_callback(http, body, query)).status_code

    async def challenge(self, answer: str = "1616140317555161061") -> bool:
        """Press save on the set-up page: whether the hook answered with the bare text."""
        encrypted, query = self._signed(answer.encode())
        async with self.client() as http:
            reply = await http.get(self._hook, params={**query, "echostr": encrypted})
        return reply.status_code == _OK and reply.content == answer.encode()

    async def _post_callback(
        self, http: httpx.AsyncClient, body: bytes, query: Mapping[str, str]
    ) -> httpx.Response:
        kind = "application/json" if self._style.form else "text/xml"
        return await http.post(
            self._hook, params=query, content=body, headers={"Content-Type": kind}
        )

    def _signed(self, plain: bytes) -> tuple[str, Mapping[str, str]]:
        random = self._random.randbytes(16)
        encrypted = crypto.encrypt(self._world.aes_key, plain, self._world.corp_id, random=random)
        timestamp = str(int(self._world.clock().timestamp()))
        nonce = str(self._random.randrange(10**9))
        signed = crypto.signature(
            self._token, timestamp.encode(), nonce.encode(), encrypted.encode()
        )
        return encrypted, {"msg_signature": signed, "timestamp": timestamp, "nonce": nonce}


def _xml(elements: Mapping[str, str]) -> bytes:
    """One level of elements, as the platform writes them: text in CDATA, numbers bare."""
    inner = "".join(f"<{name}>{_text(value)}</{name}>" for name, value in elements.items())
    return f"<xml>{inner}</xml>".encode()


def _text(value: str) -> str:
    if value.isdigit():
        return value
    return escape(value) if "]]>" in value else f"<![CDATA[{value}]]>"
