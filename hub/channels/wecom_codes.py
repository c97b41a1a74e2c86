"""WeCom's codes for messages (the vendor's table), and what is done about each."""

from __future__ import annotations

from collections.abc import Mapping

from hub.channels.access import Fault
from hub.channels.base import Failure

TOKEN_STALE = frozenset({40014, 42001})

_BUSY = Fault(Failure.AWAY, "the platform is busy")
_LIMITED = Fault(Failure.LIMITED, "too many messages", 60.0)
_BOT = "the key in {key_env} is refused{why}; make a new bot in the group and set the variable"
_APP = "{why}; look at 应用管理 in the console"

BOT_CODES: Mapping[int, Fault] = {
    -1: _BUSY,
    45009: _LIMITED,
    45033: _LIMITED,
    93000: Fault(Failure.CREDENTIALS, _BOT.replace("{why}", "")),
    93004: Fault(Failure.CREDENTIALS, _BOT.replace("{why}", ": the bot is disabled")),
    93008: Fault(Failure.CREDENTIALS, _BOT.replace("{why}", ": the bot is not in the group")),
    40058: Fault(Failure.REFUSED, "the platform does not take a message of this shape"),
}

APP_CODES: Mapping[int, Fault] = {
    -1: _BUSY,
    45009: _LIMITED,
    45033: _LIMITED,
    40001: Fault(Failure.CREDENTIALS, "the secret in {key_env} is refused; set the application's Secret"),
    40013: Fault(Failure.CREDENTIALS, "corp_id is refused; copy it from 我的企业"),
    40014: Fault(Failure.AWAY, "the token is refused, a new one too"),
    42001: Fault(Failure.AWAY, "the token is refused, a new one too"),
    40056: Fault(Failure.CREDENTIALS, "agent_id is refused; it is no application of this corp"),
    50003: Fault(Failure.CREDENTIALS, _APP.replace("{why}", "the application is disabled")),
    301002: Fault(Failure.CREDENTIALS, "agent_id is not of the application whose Secret {key_env} holds"),
    60020: Fault(
        Failure.CREDENTIALS,
        "the address of this machine is not trusted; enter it under 企业可信IP, wait a minute",
    ),
    60011: Fault(Failure.ADDRESS, _APP.replace("{why}", "the recipient is not in the visible range")),
    60111: Fault(Failure.ADDRESS, "there is no such member; correct `to` of the recipient"),
    81013: Fault(Failure.ADDRESS, "there is no such member, or not for this application"),
    40058: Fault(Failure.REFUSED, "the platform does not take a message of this shape"),
}  # fmt: skip
