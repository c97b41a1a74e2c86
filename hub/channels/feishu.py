"""A group's bot of Feishu (or Lark, by `api_base`): a card to a webhook, signed if the bot asks for it (签名校验).

Texts are `plain_text`, so that nothing in them formats. Sure: the signature is HMAC-SHA256 of nothing under the key
"time in s, line feed, secret", base64, in the body; `code` decides; 19021 is signature or clock, 19024 keyword.
LIKELY: 19022 as address, 9499, 11232 and 99991400 as too many, 20 KB a request, `<at id>` in a card.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from hub.channels.access import Access, Fault
from hub.channels.base import Failure, Outgoing
from hub.channels.http import Http, json_bytes, require_code_0
from hub.channels.text import cut_to_bytes, href, marked_title, one_line

BASE: Final = "https://open.feishu.cn"
TEXT_BYTES: Final = 8000
_COLOURS = {"critical": "red", "warning": "orange", "info": "blue"}
_LIMITED = Fault(Failure.LIMITED, "too many messages", 60.0)
_CODES: Mapping[int, Fault] = {
    19001: Fault(
        Failure.CREDENTIALS,
        "the token in {key_env} is refused; make a new bot in the group and set the variable",
    ),
    19021: Fault(
        Failure.CREDENTIALS,
        "the signature is refused; set {secret_env} to the bot's 签名校验 secret, and this machine's clock right",
    ),
    19022: Fault(
        Failure.CREDENTIALS,
        "the bot does not take this machine's address; add it to the bot's IP list",
    ),
    19024: Fault(
        Failure.CREDENTIALS,
        "the bot wants a keyword in each message; choose 签名校验 instead and set {secret_env}",
    ),
    9499: _LIMITED,
    11232: _LIMITED,
    99991400: _LIMITED,
}


class FeishuBot:
    """One bot of one group."""

    def __init__(self, access: Access, clock: Callable[[], float] = time.time) -> None:
        self.name = access.name
        self._access = access
        self._clock = clock
        self._http = Http(access)

    def send(self, message: Outgoing, to: str = "") -> None:
        """Send to the group; `to` is the member (open id) who is mentioned in it."""
        card = _card(message, self._access.member(to))
        body = {**self._signature(), "msg_type": "interactive", "card": card}
        url = f"{self._access.base(BASE)}/open-apis/bot/v2/hook/{self._access.key}"
        answer = self._http.post(url, json_bytes(body))
        require_code_0(self._access, answer, _CODES, "code", "StatusCode")

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _signature(self) -> Mapping[str, str]:
        if not self._access.secret:
            return {}
        timestamp = str(int(self._clock()))
        digest = hmac.digest(f"{timestamp}\n{self._access.secret}".encode(), b"", "sha256")
        return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


def _card(message: Outgoing, mentioned: str) -> Mapping[str, Any]:
    content = cut_to_bytes("\n".join(one_line(line) for line in message.lines), TEXT_BYTES)
    elements: list[Mapping[str, Any]] = []
    if content:
        elements.append({"tag": "div", "text": _plain(content)})
    if mentioned:
        mention = {"tag": "lark_md", "content": f'<at id="{mentioned}"></at>'}
        elements.append({"tag": "div", "text": mention})
    if message.link:
        words = _plain(one_line(message.link_text or message.link))
        button = {"tag": "button", "text": words, "url": href(message.link), "type": "primary"}
        elements.append({"tag": "action", "actions": [button]})
    header = {
        "title": _plain(marked_title(message)),
        "template": _COLOURS.get(message.severity, "blue"),
    }
    return {"config": {"wide_screen_mode": True}, "header": header, "elements": elements}


def _plain(text: str) -> Mapping[str, str]:
    return {"tag": "plain_text", "content": text}
