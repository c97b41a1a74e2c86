"""The simulated Meituan: what it pushes verifies and maps, its habits lose nothing, its gateway answers."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

import hub.connectors.meituan
from hub.connectors.meituan import CONNECTOR
from hub.connectors.meituan.client import MeituanClient
from hub.connectors.meituan.options import options_of
from hub.connectors.meituan.signing import Profile
from hub.connectors.meituan.simulator import Habits, PushSender, Simulator, World
from hub.connectors.signatures import verify
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)
from hub.mapping.examples import example_context, example_id
from hub.model.delivery import HookRequest
from hub.registry.files import read_mapping, schema_files
from hub.settings import HubSettings
from hub.steps.mappings import compile_document
from hub.steps.simulate import SimulationPlan, simulate
from tests.connectors.suite import NOW
from tests.connectors.test_meituan import a_source

HOOK = "http://127.0.0.1:9/hooks/meituan"
SECRET = "HUB_MEITUAN_TEST_KEY"
EXAMPLE = Path(hub.connectors.meituan.__file__).with_name("example.yaml")


class Receiver:
    """Takes pushes as the hub does: verifies, and one delivery key is one message."""

    def __init__(self, world: World, *, refuse: int = 0) -> None:
        self.world, self.refuse = world, refuse
        self.source = a_source("sorted_sha1" if world.profile is Profile.MTOP else "sorted_md5")
        self.arrived: list[HookRequest] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        pushed = HookRequest("POST", b"", dict(request.headers), request.content)
        verify(self.source.signature, pushed, [self.world.app_secret.encode()], NOW)
        if self.refuse:
            self.refuse -= 1
            return httpx.Response(503)
        self.arrived.append(pushed)
        reply = CONNECTOR.accepted(pushed, self.source)
        return httpx.Response(reply.status, content=reply.body)

    def keys(self) -> list[str | None]:
        return [CONNECTOR.delivery_key(pushed, self.source) for pushed in self.arrived]


def push(world: World, count: int, habits: Habits, receiver: Receiver) -> PushSender:
    quick = replace(habits, retry_after_s=(0.0, 0.0))
    sender = PushSender(world, HOOK, habits=quick, clock=world.clock)
    with respx.mock:
        respx.post(HOOK).mock(side_effect=receiver)
        asyncio.run(sender.send(world.add_clues(count)))
    return sender


@pytest.mark.parametrize("profile", list(Profile))
def test_what_it_pushes_is_verified_split_and_mapped_by_the_example(profile: Profile) -> None:
    world = World(clock=lambda: NOW, profile=profile)
    receiver = Receiver(world)
    sender = push(world, 20, Habits(), receiver)
    files = schema_files(HubSettings())
    mapping = compile_document(read_mapping(EXAMPLE), files)

    for pushed in receiver.arrived:
        envelope = CONNECTOR.envelope(pushed, receiver.source)
        (record,) = CONNECTOR.split(envelope, receiver.source)
        payload = json.loads(record.payload)
        (lead,) = mapping.map(payload, example_context(mapping), example_id).leads
        told = sender.acknowledged[str(lead.external_id)].lead
        assert ("mobile_e164" in lead.doc) is not told.is_lent
        assert lead.doc["city_code"]
        assert lead.doc["submitted_at"] == "2026-02-17T12:00:00.000Z"
    assert len(sender.acknowledged) == 20


def test_duplicates_lost_answers_and_reordering_keep_one_key_for_each_lead() -> None:
    world = World(clock=lambda: NOW)
    receiver = Receiver(world, refuse=2)
    habits = Habits(duplicate_share=0.3, lost_ack_share=0.3, reorder_within=10, at_once=1)

    sender = push(world, 40, habits, receiver)

    keys = receiver.keys()
    assert len(keys) > 40
    assert set(keys) == {f"58:DEMO:m-{lead.lead_id}" for lead in world.clues}
    assert keys != sorted(keys, key=str)
    assert len(sender.acknowledged) == 40


def test_a_refusal_is_no_acknowledgement() -> None:
    reply = CONNECTOR.refused(HookRequest("POST", b"", {}, b""), a_source("none"))
    sender = PushSender(World(), HOOK)

    assert not sender.is_ack(httpx.Response(reply.status, content=reply.body))
    assert not sender.is_ack(httpx.Response(200, content=reply.body))
    assert not sender.is_ack(httpx.Response(200, content=b"<html>"))


def test_it_runs_by_command_and_ends_when_all_is_sent() -> None:
    world = World(seed=3)
    receiver = Receiver(world)
    with respx.mock:
        respx.post(HOOK).mock(side_effect=receiver)
        plan = SimulationPlan(rate=2000, count=5, seed=3, push_to=HOOK)
        report = simulate("meituan", plan, stop=threading.Event())

    assert (report.leads, report.acknowledged, report.given_up) == (5, 5, 0)


@pytest.mark.parametrize("plan", [SimulationPlan(drift="x", count=1), SimulationPlan(star=True)])
def test_what_it_cannot_play_is_refused(plan: SimulationPlan) -> None:
    with pytest.raises(ConfigError):
        simulate("meituan", plan, stop=threading.Event())


# ---- the gateway


def call(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, **how: Any) -> bytes:
    """One call through the client, by any of the ways that a test changes."""
    monkeypatch.setenv(SECRET, how.get("secret", simulator.world.app_secret))
    options = options_of(
        a_source("none", **simulator.options(SECRET), tries=3, **how.get("options", {}))
    )

    async def sleep(_: float) -> None:
        return None

    async def run() -> bytes:
        async with httpx.AsyncClient() as http:
            client = MeituanClient(options, http, clock=simulator.world.clock, sleep=sleep)
            token = how.get("token", simulator.world.token)
            if how.get("followup"):
                return await client.add_followup(
                    {"bizid": "900001", "备注": "已联系"}, token=token
                )
            return await client.call("/router/book/isvconsume", {"order_id": 9}, token=token)

    return asyncio.run(run())


@pytest.fixture
def clock() -> Any:
    return lambda: datetime(2025, 1, 1, 0, 0, tzinfo=UTC)


def test_a_follow_up_is_signed_as_the_gateway_wants(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(clock=clock) as simulator:
        answer = json.loads(call(simulator, monkeypatch, followup=True))

    assert answer["code"] == "OP_SUCCESS"
    (seen,) = simulator.calls
    assert seen.path == "/ddzh/customercenter/addfollowup"
    assert seen.fields["timestamp"] == "1735689600"
    assert seen.fields["businessId"] == "58"
    assert json.loads(seen.fields["biz"]) == {"bizid": "900001", "备注": "已联系"}


def test_beijixing_gets_its_own_time_and_fields(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(clock=clock, profile=Profile.BEIJIXING) as simulator:
        answer = json.loads(call(simulator, monkeypatch))
        with pytest.raises(ConfigError, match="mtop only"):
            call(simulator, monkeypatch, followup=True)

    assert answer["code"] == 200
    (seen,) = simulator.calls
    assert seen.fields["timestamp"] == "2025-01-01 08:00:00"
    assert seen.fields["order_id"] == "9"


def test_a_code_of_the_platform_is_final_and_says_nothing_of_anybody(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(clock=clock) as simulator:
        with pytest.raises(PlatformRejectedError, match="DEMO_WRONG_SIGN") as caught:
            call(simulator, monkeypatch, secret="another")

        assert len(simulator.calls) == 1
    assert str(caught.value) == "the platform refused with code DEMO_WRONG_SIGN"


@pytest.mark.parametrize(
    ("fault", "calls"),
    [({"status": 502}, 3), ({"status": 429}, 3), ({"code": "BUSY"}, 3), ({"code": ""}, 1)],
)
def test_only_what_may_pass_is_tried_again(
    clock: Any, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], calls: int
) -> None:
    with Simulator(clock=clock) as simulator:
        simulator.world.fail_next(**fault, times=3)
        with pytest.raises((PlatformDownError, RateLimitedError, PlatformRejectedError)):
            call(simulator, monkeypatch, options={"error_actions": {"BUSY": "retry"}})

        assert len(simulator.calls) == calls


def test_a_binding_that_another_vendor_took_is_an_authorisation_lost_where_settings_say_so(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = {"error_actions": {"DEMO_NO_GRANT": "reauthorize"}}
    with Simulator(clock=clock) as simulator, pytest.raises(AuthorizationLostError):
        call(simulator, monkeypatch, token="old", options=actions)


def test_without_a_secret_nothing_is_called(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(clock=clock) as simulator:
        with pytest.raises(ConfigError, match=SECRET):
            call(simulator, monkeypatch, secret="")

        assert simulator.calls == []
