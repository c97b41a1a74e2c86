"""The hook routes against an in-memory intake: what is taken, refused, answered, and never logged."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.routing import Router

from hub.errors import RefusedError
from hub.inbox.sealing import unseal_envelope
from hub.model.delivery import Delivery, Envelope, HookRequest, Via
from hub.privacy.keyring import KeyRing
from hub.receiver import hooks
from hub.receiver.access import AccessLog
from hub.receiver.context import ReceiverContext
from hub.receiver.metrics import ReceiverMetrics
from hub.settings import HubSettings, SourceSettings
from tests.conftest import FakeClock
from tests.echo_connector import EchoConnector

SECRET = "a-secret"
BODY = b'{"mobile":"10000000000"}'
SETTINGS = HubSettings.model_validate(
    {
        "max_body_bytes": 2048,
        "forms": {"contact": {}},
        "sources": {
            "open": {"platform": "echo", "push": "clue_push", "dedupe_window_s": 60},
            "first": {
                "platform": "echo",
                "push": "clue_push",
                "signature": {"scheme": "record_only"},
            },
            "signed": {
                "platform": "echo",
                "push": "clue_push",
                "signature": {"scheme": "hmac_sha256", "secret_env": "ECHO", "header": "X-Sign"},
            },
            "path": {
                "platform": "echo",
                "push": "clue_push",
                "signature": {"scheme": "static_path", "secret_env": "ECHO"},
            },
            "pulled": {"platform": "echo"},
        },
    }
)


class Intake:
    """Remembers what it was given; refuses if told to."""

    def __init__(self) -> None:
        self.taken: list[Delivery] = []
        self.refusal: RefusedError | None = None

    async def submit(self, delivery: Delivery) -> UUID:
        if self.refusal:
            raise self.refusal
        self.taken.append(delivery)
        return delivery.id


class Holding:
    """Stands in for the holding table of refused pushes."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, HookRequest]] = []
        self.away = False

    async def keep(
        self, source_key: str, source: SourceSettings, request: HookRequest, received_at: datetime
    ) -> bool:
        if self.away:
            raise RefusedError("store_away", status=503)
        self.kept.append((source_key, request))
        return True


class Desk:
    """A receiver's hook routes with everything around them in memory."""

    def __init__(self, keyring: KeyRing, clock: FakeClock, connector: EchoConnector) -> None:
        self.intake, self.holding, self.keyring = Intake(), Holding(), keyring
        sources = SETTINGS.all_sources()
        self.metrics = ReceiverMetrics(sources)
        context = ReceiverContext(
            SETTINGS, keyring, self.intake, clock, sources,
            dict.fromkeys(sources, connector), self.metrics, AccessLog(self.metrics),
        )  # fmt: skip
        self._app = Router(hooks.routes(context, self.holding))

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
                return await client.request(method, path, **given)

        return asyncio.run(call())

    def post(self, path: str, content: Any = BODY, **given: Any) -> httpx.Response:
        return self.request("POST", path, content=content, **given)

    def envelope(self, index: int = -1) -> Envelope:
        delivery = self.intake.taken[index]
        return unseal_envelope(self.keyring, delivery.sealed, delivery.id)


@pytest.fixture
def desk(keyring: KeyRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("ECHO", f"{SECRET},the-next-one")
    return Desk(keyring, clock, EchoConnector())


def test_a_push_is_sealed_taken_and_answered_as_the_platform_expects(
    desk: Desk, clock: FakeClock
) -> None:
    reply = desk.post("/hooks/open", headers={"content-type": "application/json"})

    assert (reply.status_code, reply.content) == (200, b'{"code":0}')
    (delivery,) = desk.intake.taken
    assert (delivery.source_key, delivery.merchant, delivery.via) == ("open", "default", Via.PUSH)
    assert delivery.received_at == clock.now
    assert delivery.id.version == 7
    assert b"10000000000" not in delivery.sealed
    assert desk.envelope() == Envelope("clue_push", BODY)


def test_without_a_platform_key_equal_bodies_share_a_key_for_the_stated_window(desk: Desk) -> None:
    desk.post("/hooks/open")
    desk.post("/hooks/open")
    desk.post("/hooks/open", content=b"another")

    first, second, third = desk.intake.taken
    assert first.delivery_key == second.delivery_key != third.delivery_key
    assert first.key_expires_at - first.received_at == timedelta(seconds=60)


def test_the_platforms_own_key_wins_over_the_body(desk: Desk) -> None:
    desk.post("/hooks/open", headers={"Msg-Id": "m-1"})
    desk.post("/hooks/open", content=b"changed on the way", headers={"Msg-Id": "m-1"})

    first, second = desk.intake.taken
    assert first.delivery_key == second.delivery_key
    assert b"m-1" not in first.delivery_key  # it may name a person's record


def test_a_push_by_get_is_told_apart_by_its_query(desk: Desk) -> None:
    for call in ("1", "2", "1"):
        assert desk.request("GET", f"/hooks/open?CallSheetID={call}").status_code == 200

    one, two, again = (delivery.delivery_key for delivery in desk.intake.taken)
    assert one == again != two
    assert desk.envelope().query == b"CallSheetID=1"


def test_bytes_that_nobody_can_read_are_taken_as_they_are(desk: Desk) -> None:
    body = "姓名=张三".encode("gbk") + b"\x00\xff"
    content_type = "application/x-www-form-urlencoded; charset=GBK"
    desk.post("/hooks/open", content=body, headers={"content-type": content_type})

    assert desk.envelope() == Envelope("clue_push", body, content_type=content_type)


def test_a_challenge_is_answered_and_not_taken(desk: Desk) -> None:
    reply = desk.request("GET", "/hooks/signed?challenge=12345")

    assert (reply.status_code, reply.text) == (200, "12345")
    assert desk.intake.taken == []


def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Sign": hmac.digest(secret.encode(), body, "sha256").hex()}


@pytest.mark.parametrize("secret", [SECRET, "the-next-one"])
def test_a_right_signature_passes_with_any_valid_secret(desk: Desk, secret: str) -> None:
    assert desk.post("/hooks/signed", headers=sign(BODY, secret)).status_code == 200


def test_the_signature_is_over_the_body_before_compression(desk: Desk) -> None:
    headers = {**sign(BODY), "content-encoding": "gzip"}

    assert desk.post("/hooks/signed", gzip.compress(BODY), headers=headers).status_code == 200
    assert desk.envelope().body == BODY


def test_a_wrong_signature_is_refused_as_the_platform_expects_and_kept(desk: Desk) -> None:
    reply = desk.post("/hooks/signed", headers=sign(BODY, "old"))

    assert (reply.status_code, reply.content) == (401, b'{"code":-1}')
    assert desk.intake.taken == []
    ((source_key, request),) = desk.holding.kept
    assert (source_key, request.body) == ("signed", BODY)
    assert (
        'hub_signature_rejected_total{kept="yes",source="signed"} 1.0'
        in desk.metrics.text().decode()
    )


def test_a_wrong_signature_that_cannot_be_kept_asks_the_platform_to_come_again(desk: Desk) -> None:
    desk.holding.away = True

    reply = desk.post("/hooks/signed")

    assert (reply.status_code, reply.json()) == (503, {"error": "store_away"})
    assert reply.headers["retry-after"] == "5"


def test_a_secret_path_passes_and_a_wrong_one_does_not(desk: Desk) -> None:
    assert desk.post(f"/hooks/path/{SECRET}").status_code == 200
    assert desk.post("/hooks/path/wrong").status_code == 401
    assert desk.post("/hooks/path").status_code == 401


def test_record_only_takes_everything_and_marks_it(desk: Desk) -> None:
    assert desk.post("/hooks/first").status_code == 200
    assert desk.envelope().context == {"record_only": "1"}


@pytest.mark.parametrize("source", ["nobody", "pulled", "form-contact"])
def test_what_is_not_pushed_is_unknown(desk: Desk, source: str) -> None:
    reply = desk.post(f"/hooks/{source}")

    assert (reply.status_code, reply.json()) == (404, {"error": "unknown_source"})


def test_nothing_at_all_is_refused(desk: Desk) -> None:
    """Somebody opened the address in a browser."""
    reply = desk.request("GET", "/hooks/open")

    assert (reply.status_code, reply.json()) == (400, {"error": "empty_request"})


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
def test_other_methods_are_refused(desk: Desk, method: str) -> None:
    assert desk.request(method, "/hooks/open").status_code == 405
    assert desk.intake.taken == []


def test_a_body_over_the_limit_is_refused_with_and_without_a_length(desk: Desk) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1000

    for content in (b"x" * 2049, chunks()):
        reply = desk.post("/hooks/open", content=content)

        assert (reply.status_code, reply.json()) == (413, {"error": "body_too_large"})
        assert reply.headers["connection"] == "close"
    assert desk.intake.taken == []


def test_an_unknown_encoding_and_a_bomb_are_refused(desk: Desk) -> None:
    bomb = gzip.compress(b"\0" * 1_000_000)

    assert desk.post("/hooks/open", headers={"content-encoding": "br"}).status_code == 415
    assert desk.post("/hooks/open", bomb, headers={"content-encoding": "gzip"}).status_code == 413


def test_when_nothing_can_take_it_the_platform_is_asked_to_come_again(desk: Desk) -> None:
    desk.intake.refusal = RefusedError("spool_full", status=503)

    reply = desk.post("/hooks/open")

    assert (reply.status_code, reply.json()) == (503, {"error": "spool_full"})
    assert reply.headers["retry-after"] == "5"


@pytest.mark.parametrize("method", ["challenge", "delivery_key", "envelope"])
def test_a_connectors_bug_loses_no_lead(
    keyring: KeyRing, clock: FakeClock, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(keyring, clock, EchoConnector(frozenset({method})))

    assert desk.post("/hooks/open").status_code == 200
    assert desk.envelope().body == BODY
    assert "13800138000" not in caplog.text


def test_a_bug_after_the_commit_is_a_500_that_makes_the_platform_retry(
    keyring: KeyRing, clock: FakeClock
) -> None:
    desk = Desk(keyring, clock, EchoConnector(frozenset({"accepted"})))

    reply = desk.post("/hooks/open")

    assert (reply.status_code, reply.json()) == (500, {"error": "internal"})
    assert len(desk.intake.taken) == 1


def test_no_query_secret_or_body_reaches_a_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.post("/hooks/path/wrong-secret?phone=19900001111")
    desk.post(f"/hooks/path/{SECRET}?phone=19900001111")
    desk.post("/hooks/19900001111")

    ours = [record.getMessage() for record in caplog.records if record.name.startswith("hub")]
    assert len(ours) == 2
    for text in ("wrong-secret", SECRET, "19900001111", "10000000000"):
        assert not any(text in message for message in ours)
        assert text not in desk.metrics.text().decode()
