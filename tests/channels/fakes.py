"""Platforms on this machine, as they answer on the wire. `python -m tests.channels.fakes KIND [PORT]` runs one."""

from __future__ import annotations

import base64
import hmac
import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hub.connectors.signatures import verify
from hub.errors import SignatureError
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings
from tests.channels.fake_http import Asked, FakeHttp, Fault, Reply
from tests.channels.fake_mail import FakeMail

__all__ = ["FakeDingTalk", "FakeFeishu", "FakeMail", "FakeWebhook", "FakeWecom", "Fault"]

PER_MINUTE = 20


class Minute:
    """Counts what came within a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times: list[float] = []

    def is_full(self) -> bool:
        now = self._clock()
        self._times = [at for at in self._times if at > now - 60]
        self._times.append(now)
        return len(self._times) > PER_MINUTE


class FakeWecom(FakeHttp):
    """A group's bot and an application. `kind` decides what `settings` are for; the server serves both."""

    key = "693a91f6-7xxx-4bc4-97a0-demo"
    corp_id, agent_id = "ww0123456789abcdef", 1000002
    app_secret = "DEMO-application-secret"

    def __init__(
        self, kind: str = "wecom_bot", port: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(port)
        self.kind = kind
        if kind == "wecom_app":
            self.key = self.app_secret
        self.members = {"zhang_san", "li_si"}
        self.unlicensed: set[str] = set()
        self.tokens = 0
        self._minute = Minute(clock)
        self._live = ""

    def settings(self, key_env: str = "HUB_FAKE_KEY", **more: Any) -> dict[str, Any]:
        of_app = {"corp_id": self.corp_id, "agent_id": self.agent_id}
        return super().settings(key_env, **(of_app if self.kind == "wecom_app" else {}), **more)

    def expire_token(self) -> None:
        """The platform ends a token early."""
        self._live = ""

    def answer(self, asked: Asked) -> Reply:
        calls = {
            "/cgi-bin/webhook/send": self._bot,
            "/cgi-bin/gettoken": self._token,
            "/cgi-bin/message/send": self._message,
        }
        call = calls.get(asked.path)
        return call(asked) if call else Reply(404)

    def answer_fault(self, fault: Fault) -> Reply:
        if fault is Fault.LIMITED:
            return _wecom(45009)
        return _wecom(40001 if self.kind == "wecom_app" else 93000)

    def _bot(self, asked: Asked) -> Reply:
        if asked.query.get("key") != self.key:
            return _wecom(93000)
        if self._minute.is_full():
            return _wecom(45009)
        document = asked.document()
        limit = {"text": 2048, "markdown": 4096}[document["msgtype"]]
        if len(document[document["msgtype"]]["content"].encode()) > limit:
            return _wecom(40058)
        self.messages.append(document)
        return _wecom(0)

    def _token(self, asked: Asked) -> Reply:
        if asked.query.get("corpid") != self.corp_id:
            return _wecom(40013)
        if asked.query.get("corpsecret") != self.app_secret:
            return _wecom(40001)
        self.tokens += 1
        self._live = f"demo-token-{self.tokens}"
        return _wecom(0, access_token=self._live, expires_in=7200)

    def _message(self, asked: Asked) -> Reply:
        if asked.query.get("access_token") != self._live or not self._live:
            return _wecom(42001)
        document = asked.document()
        if document["agentid"] != self.agent_id:
            return _wecom(40056)
        if len(document["text"]["content"].encode()) > 2048:
            return _wecom(40058)
        users = document["touser"].split("|")
        known = [user for user in users if user in self.members]
        if not known:
            return _wecom(81013)
        self.messages.append(document)
        unknown = "|".join(user for user in users if user not in known)
        unlicensed = "|".join(user for user in users if user in self.unlicensed)
        return _wecom(0, msgid="demo", invaliduser=unknown, unlicenseduser=unlicensed)


class FakeDingTalk(FakeHttp):
    """A group's robot that is signed (加签); `keyword` makes it one that wants a word in each message."""

    kind = "dingtalk"
    key = "d" * 64
    secret = "SECdemo0123456789"

    def __init__(
        self, port: int = 0, *, keyword: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(port)
        self.keyword = keyword
        self._minute = Minute(clock)

    def answer(self, asked: Asked) -> Reply:
        if asked.path != "/robot/send":
            return Reply(404)
        if asked.query.get("access_token") != self.key:
            return _dingtalk(300005, "token is not exist")
        if not self._is_signed(asked):
            return _dingtalk(310000, "sign not match, more: [https://example.com]")
        document = asked.document()
        if self.keyword not in document["markdown"]["text"]:
            return _dingtalk(310000, "keywords not in content, more: [https://example.com]")
        if self._minute.is_full():
            return _dingtalk(130101, "send too fast, exceed 20 times per minute")
        if len(asked.body) > 20_000:
            return _dingtalk(460101, "message too long, exceed 20000 bytes")
        self.messages.append(document)
        return _dingtalk(0, "ok")

    def answer_fault(self, fault: Fault) -> Reply:
        if fault is Fault.LIMITED:
            return _dingtalk(130101, "send too fast, exceed 20 times per minute")
        return _dingtalk(300005, "token is not exist")

    def _is_signed(self, asked: Asked) -> bool:
        stamp = asked.query.get("timestamp", "0")
        signed = hmac.digest(self.secret.encode(), f"{stamp}\n{self.secret}".encode(), "sha256")
        is_fresh = abs(int(stamp) / 1000 - time.time()) < 3600
        return is_fresh and asked.query.get("sign") == base64.b64encode(signed).decode()


class FakeFeishu(FakeHttp):
    """A group's bot that is signed (签名校验)."""

    kind = "feishu"
    key = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    secret = "demo-feishu-secret"

    def answer(self, asked: Asked) -> Reply:
        if asked.path != f"/open-apis/bot/v2/hook/{self.key}":
            return _feishu(19001, "param invalid: incoming webhook access token invalid")
        document = asked.document()
        stamp = document.get("timestamp", "0")
        signed = hmac.digest(f"{stamp}\n{self.secret}".encode(), b"", "sha256")
        is_fresh = abs(int(stamp) - time.time()) < 3600
        if not is_fresh or document.get("sign") != base64.b64encode(signed).decode():
            return _feishu(19021, "sign match fail or timestamp is not within one hour")
        if len(asked.body) > 20_000:
            return _feishu(9499, "Bad Request")
        self.messages.append(document)
        return Reply(document={"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}})

    def answer_fault(self, fault: Fault) -> Reply:
        if fault is Fault.LIMITED:
            return _feishu(11232, "frequency limited")
        return _feishu(19001, "param invalid: incoming webhook access token invalid")


class FakeWebhook(FakeHttp):
    """Somebody's own address. What it takes must be signed, judged by the hub's own check of Standard Webhooks.

    Without `signed` it takes anything: the notifying library's `json://` posts here too.
    """

    kind = "webhook"

    def __init__(self, port: int = 0, *, signed: bool = True) -> None:
        super().__init__(port)
        self.secret = "whsec_" + base64.b64encode(b"demo-webhook-secret-0123").decode()
        if not signed:
            self.secret = ""
        self.ids: list[str] = []

    @property
    def hook(self) -> str:
        """The address that takes messages; a part of it is a secret."""
        return self.url + "/alerts/demo-secret-path"

    def settings(self, key_env: str = "HUB_FAKE_KEY", **more: Any) -> dict[str, Any]:
        return super().settings(key_env, **{"api_base": "", **more})

    def environment(self, key_env: str = "HUB_FAKE_KEY") -> dict[str, str]:
        return {**super().environment(key_env), key_env: self.hook}

    def answer(self, asked: Asked) -> Reply:
        if asked.path != "/alerts/demo-secret-path":
            return Reply(404)
        if self.secret and not self._is_signed(asked):
            return Reply(401)
        self.ids.append(asked.headers.get("webhook-id", ""))
        self.messages.append(asked.document())
        return Reply(204 if self.secret else 200)

    def answer_fault(self, fault: Fault) -> Reply:
        return Reply(429 if fault is Fault.LIMITED else 401)

    def _is_signed(self, asked: Asked) -> bool:
        request = HookRequest(
            method="POST", query=b"", headers=dict(asked.headers), body=asked.body
        )
        try:
            verify(
                SignatureSettings(scheme="standard_webhooks"),
                request,
                secrets=[self.secret.encode()],
                now=datetime.now(UTC),
            )
        except SignatureError:
            return False
        return True


def _wecom(code: int, **more: Any) -> Reply:
    return Reply(document={"errcode": code, "errmsg": "ok" if not code else "demo 张三", **more})


def _dingtalk(code: int, words: str) -> Reply:
    return Reply(document={"errcode": code, "errmsg": words})


def _feishu(code: int, words: str) -> Reply:
    return Reply(document={"code": code, "msg": words, "data": {}})


def main(kind: str, port: str = "0") -> None:
    """Run one until SIGTERM or Ctrl-C; its address first, then each message as a line of JSON."""
    kinds: dict[str, Callable[[int], Any]] = {
        "wecom_bot": lambda port: FakeWecom("wecom_bot", port),
        "wecom_app": lambda port: FakeWecom("wecom_app", port),
        "dingtalk": FakeDingTalk,
        "feishu": FakeFeishu,
        "webhook": FakeWebhook,
        "mail": FakeMail,
    }
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with kinds[kind](int(port)) as fake:
        sys.stdout.write(json.dumps({"url": fake.url, "environment": fake.environment()}) + "\n")
        shown = 0
        while signal.sigtimedwait(signals, 0.1) is None:
            for message in fake.messages[shown:]:
                sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
                shown += 1
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
