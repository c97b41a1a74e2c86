"""The Meituan connector passes the suite that every connector passes, under each way to sign."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.connectors.meituan import CONNECTOR
from hub.connectors.meituan.signing import Profile, with_sign
from hub.model.delivery import HookRequest
from hub.settings import Scheme, SignatureSettings, SourceSettings
from tests.connectors.suite import PushCase, PushSuite

SECRET = "demo-sign-key"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
MESSAGE = {"name": "张三", "number": 90000000000000000001, "nested": {"list": [1, None]}}
FIELDS = {
    "developerId": "100001",
    "businessId": "58",
    "msgType": "DEMO",
    "msgId": "m-1",
    "timestamp": "1735689600",
    "opBizCode": "demo",
    "message": json.dumps(MESSAGE, ensure_ascii=False),
}
READ = {**FIELDS, "message": MESSAGE}
ACK = {"code": 0, "message": "success"}
KEY = "58:DEMO:m-1"


def a_source(scheme: Scheme, **changes: Any) -> SourceSettings:
    signature = SignatureSettings(scheme=scheme, field="sign", secret_env="HUB_X")
    return SourceSettings(
        platform="meituan", push="message_push", signature=signature, options=changes
    )


def a_push(fields: dict[str, str], content_type: str = FORM) -> HookRequest:
    return HookRequest("POST", b"", {"content-type": content_type}, urlencode(fields).encode())


class TestSignedLikeTheGateway(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=a_source("sorted_sha1"),
            request=a_push(with_sign(Profile.MTOP, FIELDS, SECRET)),
            secrets=(SECRET.encode(),),
            payloads=[READ],
            ack=ACK,
            delivery_key=KEY,
        )


class TestSignedLikeBeijixing(PushSuite):
    @pytest.fixture
    def case(self) -> PushCase:
        return PushCase(
            connector=CONNECTOR,
            source=a_source("sorted_md5"),
            request=a_push(with_sign(Profile.BEIJIXING, FIELDS, SECRET)),
            secrets=(SECRET.encode(),),
            payloads=[READ],
            ack=ACK,
            delivery_key=KEY,
        )


class TestGuardedByAPath(PushSuite):
    """While the rule of the signature is not known, a secret path guards; answers are settings."""

    @pytest.fixture
    def case(self) -> PushCase:
        pushed = a_push({**FIELDS, "sign": "whatever"})
        return PushCase(
            connector=CONNECTOR,
            source=a_source("static_path", ack={"data": "OK"}),
            request=HookRequest("POST", b"", pushed.headers, pushed.body, "demo-path-secret"),
            secrets=(b"demo-path-secret",),
            payloads=[READ],
            ack={"data": "OK"},
            delivery_key=KEY,
            secret_texts=("demo-path-secret",),
        )
