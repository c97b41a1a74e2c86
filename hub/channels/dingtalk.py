"""A group's robot of DingTalk: markdown to a webhook, signed if the robot asks for it (加签).

Sure: the signature is HMAC-SHA256 with the secret over "time in ms, line feed, secret", base64, in the query; 20
messages a minute; the status is 200 whatever happens, `errcode` decides; 310000 stands for signature, keyword and
address alike, and only its words tell which. LIKELY: the codes besides 310000 and 300005, the ten minutes of rest
after too many, `atUserIds` for robots.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Final

from hub.channels.access import Access, Fault
from hub.channels.base import Failure, Outgoing
from hub.channels.http import Answer, Http, json_bytes, require_code_0
from hub.channels.text import fitted, href, marked_title, without_markdown

BASE: Final = "https://oapi.dingtalk.com"
TEXT_BYTES: Final = 8000  # of the 20,000 that a request may have
_GUARDED = 310000
_GONE = Fault(
    Failure.CREDENTIALS,
    "the token in {key_env} is refused; make a new robot in the group and set the variable",
)
_LIMITED = Fault(Failure.LIMITED, "too many messages", 600.0)
_SIGN = Fault(
    Failure.CREDENTIALS,
    "the signature is refused; set {secret_env} to the robot's 加签 secret, and this machine's clock right",
)
_KEYWORD = Fault(
    Failure.CREDENTIALS,
    "the robot wants a keyword in each message; choose 加签 as its security setting and set {secret_env}",
)
_IP = Fault(
    Failure.CREDENTIALS,
    "the robot does not take this machine's address; add it to the robot's IP list, or choose 加签",
)
_CODES: Mapping[int, Fault] = {
    -1: Fault(Failure.AWAY, "the platform is busy"),
    _GUARDED: _SIGN,
    300001: _GONE,
    300005: _GONE,
    400013: _GONE,
    400101: _GONE,
    400102: _GONE,
    400106: _GONE,
    130101: _LIMITED,
    410100: _LIMITED,
    660026: _LIMITED,
}


class DingTalkRobot:
    """One robot of one group."""

    def __init__(self, access: Access, clock: Callable[[], float] = time.time) -> None:
        self.name = access.name
        self._access = access
        self._clock = clock
        self._http = Http(access)

    def send(self, message: Outgoing, to: str = "") -> None:
        """Send to the group; `to` is the member who is mentioned in it."""
        mentioned = self._access.member(to)
        body = {
            "msgtype": "markdown",
            "markdown": {
                "title": marked_title(message),
                "text": _markdown(message, mentioned),
            },
            "at": {"atUserIds": [mentioned] if mentioned else [], "isAtAll": False},
        }
        query = {"access_token": self._access.key, **self._signature()}
        url = self._access.base(BASE) + "/robot/send"
        answer = self._http.post(url, json_bytes(body), params=query)
        codes = {**_CODES, _GUARDED: _guard(answer)}
        require_code_0(self._access, answer, codes, "errcode")

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    def _signature(self) -> Mapping[str, str]:
        if not self._access.secret:
            return {}
        timestamp, secret = str(int(self._clock() * 1000)), self._access.secret
        digest = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), "sha256")
        return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode()}


def _guard(answer: Answer) -> Fault:
    """Which guard of the robot refused: the words are read and not repeated."""
    words = str(answer.document().get("errmsg", "")).lower()
    if "keyword" in words or "关键词" in words:
        return _KEYWORD
    return _IP if "whitelist" in words or "白名单" in words else _SIGN


def _markdown(message: Outgoing, mentioned: str) -> str:
    head = f"### {without_markdown(marked_title(message))}"
    link = f"[{without_markdown(message.link_text or message.link)}]({href(message.link)})"
    tail = [link if message.link else "", f"@{mentioned}" if mentioned else ""]
    lines = [without_markdown(line) for line in message.lines]
    between = "\n\n"  # a single line feed is none there
    return fitted(head, lines, between.join(filter(None, tail)), TEXT_BYTES, between=between)
