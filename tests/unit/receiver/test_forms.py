"""The form routes: who may post, what is taken, refused or noted as suspect; hub.js as it is served."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette

from hub.connectors.webform import CONNECTOR
from hub.connectors.webform.attribution import CLICK, GENERIC, PAGE, UTM
from hub.connectors.webform.submission import FORM_TYPE
from hub.errors import ConfigError, RefusedError
from hub.inbox.sealing import unseal_envelope
from hub.model.delivery import Delivery, Envelope, Lane, Via
from hub.privacy.keyring import KeyRing
from hub.receiver import forms
from hub.receiver.access import AccessLog
from hub.receiver.context import ReceiverContext
from hub.receiver.forms import MAX_BODY_BYTES, routes
from hub.receiver.metrics import ReceiverMetrics
from hub.settings import FormSettings, HubSettings
from tests.conftest import FakeClock

PAGE_ORIGIN = "https://www.example.com"
SCRIPT = Path(forms.__file__).parent / "static" / "hub.js"


class MemoryIntake:
    """Keeps deliveries in memory, one per delivery key, as the inbox does."""

    def __init__(self) -> None:
        self.taken: dict[bytes, Delivery] = {}
        self.full = False

    async def submit(self, delivery: Delivery) -> UUID:
        if self.full:
            raise RefusedError("spool_full", status=503)
        return self.taken.setdefault(delivery.delivery_key, delivery).id


class Client:
    """Calls the routes in this process, one request at a time."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
                return await client.request(method, path, **given)

        return asyncio.run(call())

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)


class Desk:
    """A client of the routes, and a look at what they took."""

    def __init__(self, keyring: KeyRing, clock: FakeClock, **form: Any) -> None:
        self.intake = MemoryIntake()
        self.keyring, self.clock = keyring, clock
        given = {"origins": (PAGE_ORIGIN, "https://M.example.com/")} | form
        settings = HubSettings(forms={"contact": FormSettings(**given), "other": FormSettings()})
        sources = settings.all_sources()
        metrics = ReceiverMetrics(sources)
        context = ReceiverContext(
            settings=settings,
            keyring=keyring,
            group_commit=self.intake,
            clock=clock,
            sources=sources,
            connectors={"webform": CONNECTOR},
            metrics=metrics,
            access=AccessLog(metrics),
        )
        self.client = Client(Starlette(routes=routes(context)))

    def a_trap(self, *, filled_s: float = 10, form: str = "contact") -> dict[str, str]:
        """The trap of somebody who took `filled_s` to fill in the form; moves the clock."""
        token = self.client.get(f"/forms/{form}/token").json()
        self.clock.advance(filled_s)
        return {"t": token["t"], "sig": token["sig"], "website_url": ""}

    def post(self, body: Any, origin: str | None = PAGE_ORIGIN, **headers: str) -> Any:
        given = {"content-type": "application/json"} | ({"origin": origin} if origin else {})
        content = body if isinstance(body, bytes) else json.dumps(body)
        return self.client.post("/forms/contact", content=content, headers=given | headers)

    def envelopes(self) -> list[Envelope]:
        return [unseal_envelope(self.keyring, d.sealed, d.id) for d in self.intake.taken.values()]


@pytest.fixture
def desk(keyring: KeyRing, clock: FakeClock) -> Desk:
    return Desk(keyring, clock)


def a_lead(desk: Desk, **changed: Any) -> dict[str, Any]:
    lead = {"submission_id": "demo-1", "fields": {"name": "张三", "mobile": "19900001234"}}
    return lead | ({} if "trap" in changed else {"trap": desk.a_trap()}) | changed


def test_a_lead_is_taken_under_its_form_s_source(desk: Desk) -> None:
    reply = desk.post(a_lead(desk))

    (delivery,) = desk.intake.taken.values()
    assert (reply.status_code, reply.json()) == (202, {"id": str(delivery.id)})
    assert (delivery.source_key, delivery.via, delivery.lane) == (
        "form-contact",
        Via.FORM,
        Lane.LIVE,
    )
    assert delivery.received_at == desk.clock.now


def test_the_body_is_stored_as_it_came_and_an_honest_post_carries_no_suspicion(desk: Desk) -> None:
    lead = a_lead(desk)
    desk.post(lead)

    (envelope,) = desk.envelopes()
    assert json.loads(envelope.body) == lead
    assert envelope.context == {
        "form": "contact",
        "honeypot": "website_url",
        "origin": PAGE_ORIGIN,
    }


def test_the_same_submission_again_is_the_same_id_and_200(desk: Desk) -> None:
    lead = a_lead(desk)

    first, second = desk.post(lead), desk.post(lead | {"trap": desk.a_trap()})

    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json()
    assert len(desk.intake.taken) == 1


@pytest.mark.parametrize(
    ("origin", "trust"),
    [(None, "no_origin"), ("null", "null_origin"), ("HTTPS://m.example.com", "")],
)
def test_an_origin_that_is_missing_is_taken_with_less_trust(
    desk: Desk, origin: str | None, trust: str
) -> None:
    reply = desk.post(a_lead(desk), origin=origin)

    assert reply.status_code == 202
    assert desk.envelopes()[0].context.get("trust", "") == trust
    assert reply.headers.get("access-control-allow-origin") == origin


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://www.example.com", "https://www.example.com:8443"]
)
def test_an_origin_that_is_not_on_the_list_is_refused(desk: Desk, origin: str) -> None:
    reply = desk.post(a_lead(desk), origin=origin)

    assert (reply.status_code, reply.json()) == (403, {"error": "origin_not_allowed"})
    assert "access-control-allow-origin" not in reply.headers
    assert not desk.intake.taken


def test_a_preflight_echoes_an_origin_of_the_list(desk: Desk) -> None:
    asked = {"origin": PAGE_ORIGIN, "access-control-request-method": "POST"}

    reply = desk.client.request("OPTIONS", "/forms/contact", headers=asked)

    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == PAGE_ORIGIN
    assert reply.headers["access-control-allow-methods"] == "POST"
    assert reply.headers["access-control-allow-headers"] == "Content-Type"
    assert int(reply.headers["access-control-max-age"]) <= 7200
    assert reply.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in reply.headers
    refused = desk.client.request("OPTIONS", "/forms/contact", headers={"origin": "https://x"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("changed", "filled_s", "suspect"),
    [
        ({"website_url": "http://spam.example"}, 10, "honeypot"),
        ({"website_url": "x"}, 0.5, "honeypot,too_fast"),
        ({"t": "", "sig": ""}, 10, "token_missing"),
        ({"sig": "0" * 64}, 10, "token_forged"),
        ({}, 90_000, "token_old"),
    ],
)
def test_what_looks_like_a_bot_is_taken_and_noted(
    desk: Desk, changed: dict[str, str], filled_s: float, suspect: str
) -> None:
    trap = desk.a_trap(filled_s=filled_s) | changed

    reply = desk.post(a_lead(desk, trap=trap))

    (envelope,) = desk.envelopes()
    (record,) = CONNECTOR.split(envelope, _source())
    assert reply.status_code == 202
    assert envelope.context["suspect"] == suspect
    assert record.headers["suspect"] == suspect


def _source() -> Any:
    return HubSettings(forms={"contact": FormSettings()}).all_sources()["form-contact"]


def test_a_honeypot_in_the_fields_of_a_plain_form_counts_too(desk: Desk) -> None:
    trap = desk.a_trap()
    pairs = {"name": "张三", "website_url": "x", "trap_t": trap["t"], "trap_sig": trap["sig"]}

    desk.post(urlencode(pairs).encode(), **{"content-type": FORM_TYPE})

    assert desk.envelopes()[0].context["suspect"] == "honeypot"


def test_three_hundred_leads_of_one_address_are_all_taken(desk: Desk) -> None:
    """A live show's viewers share their carrier's address."""
    trap = desk.a_trap()

    codes = {
        desk.post(a_lead(desk, submission_id=f"s-{n}", trap=trap)).status_code for n in range(300)
    }

    assert codes == {202}
    assert not any("suspect" in envelope.context for envelope in desk.envelopes())


def test_a_token_is_signed_with_the_secret_of_the_environment(
    keyring: KeyRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_FORM_SECRET", "form_secret_demo")
    desk = Desk(keyring, clock, token_secret_env="HUB_FORM_SECRET")
    plain = Desk(keyring, clock)

    tokens = [
        d.client.get("/forms/contact/token", headers={"origin": PAGE_ORIGIN})
        for d in (desk, plain)
    ]

    assert tokens[0].json()["t"] == f"contact|{int(clock.now.timestamp())}"
    assert tokens[0].json()["sig"] != tokens[1].json()["sig"]
    assert tokens[0].headers["cache-control"] == "no-store"
    assert tokens[0].headers["access-control-allow-origin"] == PAGE_ORIGIN


def test_a_secret_that_is_not_there_is_an_error_of_the_settings(
    keyring: KeyRing, clock: FakeClock
) -> None:
    with pytest.raises(ConfigError, match="HUB_FORM_SECRET"):
        Desk(keyring, clock, token_secret_env="HUB_FORM_SECRET")


def test_a_token_for_a_page_that_may_not_post_is_refused(desk: Desk) -> None:
    reply = desk.client.get("/forms/contact/token", headers={"origin": "https://evil.example"})

    assert reply.status_code == 403


def test_a_plain_form_is_taken_once_and_answered_with_a_page(desk: Desk) -> None:
    body = urlencode({"name": "张三", "mobile": "19900001234"}).encode()
    headers = {"content-type": FORM_TYPE, "accept": "text/html,*/*"}

    first, second = desk.post(body, **headers), desk.post(body, **headers)

    assert (first.status_code, second.status_code) == (202, 200)
    assert "提交成功" in first.text
    assert first.headers["content-type"].startswith("text/html")
    assert UUID(desk.envelopes()[0].context["submission_id"]).version == 4


def test_json_as_text_is_taken(desk: Desk) -> None:
    """sendBeacon posts text/plain, which needs no preflight."""
    reply = desk.post(a_lead(desk), **{"content-type": "text/plain;charset=UTF-8"})

    assert reply.status_code == 202


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"{", {"": "not_json"}),
        ({"submission_id": "x"}, {"/fields": "required"}),
        ({"fields": {"name": {}}}, {"/fields/name": "not_text"}),
    ],
)
def test_a_wrong_shape_is_400_with_a_reason_for_each_field(
    desk: Desk, body: Any, fields: dict[str, str]
) -> None:
    reply = desk.post(body)

    assert (reply.status_code, reply.json()) == (400, {"error": "invalid", "fields": fields})
    assert reply.headers["access-control-allow-origin"] == PAGE_ORIGIN


def test_bytes_that_are_no_text_are_stored_to_be_held_and_not_refused(desk: Desk) -> None:
    reply = desk.post(b"name=%FF%FF", **{"content-type": FORM_TYPE})

    (record,) = CONNECTOR.split(desk.envelopes()[0], _source())
    assert reply.status_code == 202
    assert record.unreadable == "undecodable"


def test_a_body_over_the_limit_is_413(desk: Desk) -> None:
    reply = desk.post(b"x" * (MAX_BODY_BYTES + 1))

    assert (reply.status_code, reply.json()) == (413, {"error": "body_too_large"})


def test_a_type_that_cannot_be_read_is_415(desk: Desk) -> None:
    reply = desk.post(b"x", **{"content-type": "multipart/form-data; boundary=x"})

    assert (reply.status_code, reply.json()) == (415, {"error": "unsupported_content_type"})


def test_a_form_that_is_not_configured_is_404(desk: Desk) -> None:
    for reply in (
        desk.client.post("/forms/nobody", json={}),
        desk.client.get("/forms/nobody/token"),
    ):
        assert (reply.status_code, reply.json()) == (404, {"error": "unknown_form"})


def test_a_form_without_origins_takes_no_page_s_posts(desk: Desk) -> None:
    reply = desk.client.post("/forms/other", json={}, headers={"origin": PAGE_ORIGIN})

    assert reply.status_code == 403


def test_a_flood_is_429_and_the_next_second_is_open_again(
    keyring: KeyRing, clock: FakeClock
) -> None:
    desk = Desk(keyring, clock, max_per_s=2)

    flood = [desk.post({"fields": {"name": "x"}, "submission_id": f"f{n}"}) for n in range(12)]
    clock.advance(1)
    after = desk.post({"fields": {"name": "x"}, "submission_id": "after"})

    assert flood[0].status_code == 202
    assert flood[-1].status_code == 429
    assert flood[-1].json() == {"error": "rate_limited"}
    assert int(flood[-1].headers["retry-after"]) >= 1
    assert after.status_code == 202


def test_a_hub_that_can_keep_nothing_asks_to_try_again(desk: Desk) -> None:
    desk.intake.full = True

    reply = desk.post(a_lead(desk))

    assert (reply.status_code, reply.json()) == (503, {"error": "spool_full"})
    assert reply.headers["retry-after"] == "1"
    assert reply.headers["access-control-allow-origin"] == PAGE_ORIGIN


def test_a_bug_is_answered_so_that_the_page_tries_again_and_says_nothing_of_the_lead(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(delivery: Delivery) -> UUID:
        raise RuntimeError("19900001234")

    monkeypatch.setattr(desk.intake, "submit", broken)

    reply = desk.post(a_lead(desk))

    assert (reply.status_code, reply.json()) == (500, {"error": "internal"})
    assert reply.headers["access-control-allow-origin"] == PAGE_ORIGIN
    assert "19900001234" not in caplog.text


def test_no_line_of_the_log_tells_anything_of_a_person(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    desk.post(a_lead(desk, fields={"name": {"张三": "19900001234"}}))

    assert caplog.records
    assert not re.search("张三|19900001234", caplog.text)


def test_the_script_is_served_with_a_tag_and_not_sent_twice(desk: Desk) -> None:
    first = desk.client.get("/hub.js", headers={"accept-encoding": "identity"})
    second = desk.client.get("/hub.js", headers={"if-none-match": first.headers["etag"]})

    assert first.content == SCRIPT.read_bytes()
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "public, max-age=300"
    assert (second.status_code, second.content) == (304, b"")


def test_the_script_is_small_on_the_wire_and_whole_when_unpacked(desk: Desk) -> None:
    reply = desk.client.get("/hub.js", headers={"accept-encoding": "gzip"})

    assert reply.headers["content-encoding"] == "gzip"
    assert reply.content == SCRIPT.read_bytes()  # the client has unpacked it
    assert reply.num_bytes_downloaded < 8192


def test_the_script_and_the_hub_know_the_same_names() -> None:
    text = SCRIPT.read_text("utf-8")

    for names in (UTM, CLICK, PAGE):
        assert ", ".join(f"'{name}'" for name in names) in re.sub(r"\s+", " ", text)
    for name, owner in GENERIC.items():
        assert f"{name}: /{owner.pattern}/i" in text


def test_the_script_uses_nothing_newer_than_es2017() -> None:
    """In-app browsers of older phones do not read what came later."""
    text = SCRIPT.read_text("utf-8")

    newer = re.findall(
        r"\?\.|\?\?|catch \{|\.\.\.|\.flat\(|\.at\(|replaceAll|matchAll|\*\*=|#\w+ =", text
    )
    assert not newer
