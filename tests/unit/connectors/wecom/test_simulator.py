"""The simulated corp encrypts, repeats and changes as the real one does."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import hub.connectors.wecom
from hub.connectors.local_server import LocalServer
from hub.connectors.signatures import verify
from hub.connectors.wecom import CONNECTOR
from hub.connectors.wecom.options import options_of
from hub.connectors.wecom.simulator import DRIFTS, Habits, PushSender, Simulator, World
from hub.errors import ConfigError
from hub.model.delivery import HookRequest
from hub.settings import HubSettings, SignatureSettings, SourceSettings
from hub.steps.simulate import SimulationPlan, drifts_of, simulate

HOOK = "http://hub/hooks/wecom"
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
SIGNED = SignatureSettings(scheme="sorted_values_sha1", secret_env="HUB_TEST_WECOM_TOKEN")
SOURCE = SourceSettings(
    platform="wecom",
    push="event_push",
    signature=SIGNED,
    options={"corp_id": "ww0123456789abcdef", "aes_key_env": "HUB_TEST_WECOM_KEY"},
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(1, clock=lambda: AT)
    monkeypatch.setenv("HUB_TEST_WECOM_TOKEN", made.app_secret)
    monkeypatch.setenv("HUB_TEST_WECOM_KEY", made.aes_key_text)
    return made


class Receiver(httpx.AsyncBaseTransport):
    """Answers as the connector does, with planned statuses first, and keeps what came."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.requests: list[HookRequest] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        came = HookRequest(request.method, request.url.query, headers, request.content)
        challenge = CONNECTOR.challenge(came, SOURCE)
        if challenge is not None:
            return httpx.Response(challenge.status, content=challenge.body)
        self.requests.append(came)
        return httpx.Response(self._statuses.pop(0) if self._statuses else 200)

    def events(self) -> list[Any]:
        found = []
        for request in self.requests:
            (record,) = CONNECTOR.split(CONNECTOR.envelope(request, SOURCE), SOURCE)
            found.append(json.loads(record.payload)["event"])
        return found


def a_sender(world: World, receiver: Receiver, **habits: Any) -> PushSender:
    chosen = Habits(**{"retry_after_s": (0.0, 0.0), **habits})
    return PushSender(world, HOOK, habits=chosen, transport=receiver)


@pytest.mark.parametrize("form", [False, True])
def test_every_event_is_signed_and_encrypted_as_the_receiver_reads_it(
    world: World, form: bool
) -> None:
    receiver = Receiver()
    leads = world.add_clues(5)
    asyncio.run(a_sender(world, receiver, form=form).send(leads))

    for request in receiver.requests:
        verify(SIGNED, request, [world.app_secret.encode()], AT)
    assert sorted(map(str, receiver.events())) == sorted(str(lead.event()) for lead in leads)


def test_the_set_up_page_is_content(world: World) -> None:
    assert asyncio.run(a_sender(world, Receiver()).challenge())


def test_the_set_up_page_is_not_content_with_another_token(world: World) -> None:
    sender = PushSender(world, HOOK, constants={"token": "another"}, transport=Receiver())

    assert not asyncio.run(sender.challenge())


def test_a_retry_is_encrypted_anew_and_has_the_same_key(world: World) -> None:
    receiver = Receiver(500)
    asyncio.run(a_sender(world, receiver).send(world.add_clues(1)))
    first, second = receiver.requests

    assert first.body != second.body
    assert CONNECTOR.delivery_key(first, SOURCE) == CONNECTOR.delivery_key(second, SOURCE)


def test_a_retry_can_have_the_same_bytes(world: World) -> None:
    receiver = Receiver(500)
    asyncio.run(a_sender(world, receiver, same_bytes=True).send(world.add_clues(1)))

    assert receiver.requests[0] == receiver.requests[1]


def test_after_three_tries_an_event_is_lost(world: World) -> None:
    receiver = Receiver(500, 500, 500)
    leads = world.add_clues(1)
    report = asyncio.run(a_sender(world, receiver).send(leads))

    assert (report.attempts, report.given_up) == (3, [leads[0].key])


def test_some_customers_are_followed_by_several_members(world: World) -> None:
    leads = world.add_clues(200)
    customers = {lead.external_userid for lead in leads}

    assert len({lead.key for lead in leads}) == 200
    assert 150 < len(customers) < 200


@pytest.mark.parametrize("name", [name for name, drift in DRIFTS.items() if drift.rate == 1])
def test_every_drift_changes_what_is_seen_from_its_lead_on(world: World, name: str) -> None:
    plain, sender = World(1, clock=lambda: AT), a_sender(world, Receiver())
    world.use_drift(name, after=1)
    before, after = world.add_clues(2)
    still, was = plain.add_clues(2)
    other = a_sender(plain, Receiver())

    assert sender.body(before) == other.body(still)
    assert sender.body(after) != other.body(was)


def test_a_drift_of_another_name_is_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="state-gone"):
        world.use_drift("nonsense")


def call(simulator: Simulator, path: str, **params: Any) -> Mapping[str, Any]:
    document = params.pop("document", None)
    url = f"{simulator.url}/cgi-bin/{path}"
    with httpx.Client(trust_env=False) as http:
        method = "GET" if document is None else "POST"
        found: Mapping[str, Any] = http.request(method, url, params=params, json=document).json()
        return found


def test_the_api_gives_a_token_and_takes_no_other() -> None:
    with Simulator(1) as simulator:
        world = simulator.world
        wrong = call(simulator, "gettoken", corpid=world.corp_id, corpsecret="no")
        right = call(simulator, "gettoken", corpid=world.corp_id, corpsecret=world.app_secret)
        again = call(simulator, "gettoken", corpid=world.corp_id, corpsecret=world.app_secret)
        path, token = "externalcontact/get_follow_user_list", right["access_token"]
        codes = [call(simulator, path, access_token=t)["errcode"] for t in ("", "x", token)]
        world.expire_token()
        codes.append(call(simulator, path, access_token=token)["errcode"])
        world.fail_next(path, 45009)
        codes.append(call(simulator, path, access_token=token)["errcode"])

    assert (wrong["errcode"], right["errcode"]) == (40001, 0)
    assert right == again
    assert codes == [41001, 40014, 0, 42001, 45009]


async def _taken(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that answers 200 to everything."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_hub_simulate_makes_customers_and_calls_back() -> None:
    server = LocalServer(_taken)
    server.start()
    try:
        plan = SimulationPlan(count=3, rate=1000, push_to=server.url, drift="state-gone")
        report = simulate("wecom", plan, stop=threading.Event())
    finally:
        server.stop()

    assert (report.leads, report.acknowledged, report.given_up) == (3, 3, 0)
    assert "state-gone" in drifts_of("wecom")


def test_the_source_of_the_readme_is_one() -> None:
    text = Path(hub.connectors.wecom.__file__).with_name("README.md").read_text("utf-8")
    block = text.partition("```yaml")[2].partition("```")[0]
    source = HubSettings.model_validate(yaml.safe_load(block)).sources["wecom"]

    assert options_of(source).corp_id == "ww0123456789abcdef"
    assert set(source.pulls) == set(CONNECTOR.streams)
