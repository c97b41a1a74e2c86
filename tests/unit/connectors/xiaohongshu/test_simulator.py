"""The simulated platform signs, repeats and changes as the real one does."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from hub.connectors.signatures import verify
from hub.connectors.xiaohongshu import CONNECTOR
from hub.connectors.xiaohongshu.simulator import DRIFTS, Habits, PushSender, World
from hub.errors import ConfigError
from hub.model.delivery import HookRequest
from hub.settings import SignatureSettings, SourceSettings
from hub.steps.simulate import SimulationPlan, drifts_of, simulate

HOOK = "http://hub/hooks/xhs"
SIGNED = SignatureSettings(
    scheme="hmac_sha1", header="X-Red-Signature", prefix="sha1=", secret_env="HUB_X"
)


def a_world() -> World:
    return World(1, clock=lambda: datetime(2026, 2, 17, 4, 0, tzinfo=UTC))


class Receiver(httpx.AsyncBaseTransport):
    """Answers with one status after another, then 200, and keeps what came."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.requests: list[HookRequest] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(HookRequest("POST", b"", headers, request.content))
        return httpx.Response(self._statuses.pop(0) if self._statuses else 200)

    def stamps(self) -> list[int]:
        return [json.loads(request.body)["timestamp"] for request in self.requests]


def send(receiver: Receiver, world: World, leads: Any, **habits: Any) -> Any:
    habits = {"retry_after_s": (0.0, 0.0, 0.0), **habits}
    sender = PushSender(world, HOOK, habits=Habits(**habits), transport=receiver)
    return asyncio.run(sender.send(leads))


def test_every_message_is_signed_as_the_receiver_checks_it() -> None:
    world, receiver = a_world(), Receiver()
    send(receiver, world, [*world.add_clues(3), *world.add_star_clues(2)])

    assert len(receiver.requests) == 3 + 2 * 3
    for request in receiver.requests:
        verify(SIGNED, request, [world.app_secret.encode()], world.clock())


def test_it_waits_30_seconds_three_times() -> None:
    assert Habits().retry_after_s == (30.0, 30.0, 30.0)


@pytest.mark.parametrize(("failures", "given_up"), [(3, 0), (4, 1)])
def test_after_the_fourth_refusal_a_lead_is_gone(failures: int, given_up: int) -> None:
    world, receiver = a_world(), Receiver(*[500] * failures)

    report = send(receiver, world, world.add_clues(1))

    assert (report.attempts, len(report.given_up)) == (4, given_up)


@pytest.mark.parametrize(("restamp", "stamps"), [(False, 1), (True, 3)])
def test_a_repetition_has_the_same_bytes_or_a_new_stamp(restamp: bool, stamps: int) -> None:
    world, receiver = a_world(), Receiver(500, 500)
    send(receiver, world, world.add_clues(1), restamp=restamp)

    assert len(receiver.requests) == 3
    assert len(set(receiver.stamps())) == stamps


def test_the_parts_of_direct_messages_come_in_any_order() -> None:
    world, receiver = a_world(), Receiver()
    report = send(receiver, world, world.add_star_clues(5), reorder_within=6, at_once=1)

    assert report.acknowledged == 5
    assert receiver.stamps() != sorted(receiver.stamps())
    assert len(set(receiver.stamps())) == 3


def test_a_lead_is_given_up_once_however_many_of_its_messages_are_lost() -> None:
    world, receiver = a_world(), Receiver(*[500] * 8)
    lead, other = world.add_star_clues(2)
    report = send(receiver, world, [lead, other], at_once=1)

    assert report.given_up == [lead.key]
    assert report.acknowledged == 1


def test_the_same_seed_gives_the_same_leads() -> None:
    worlds = a_world(), a_world()

    assert worlds[0].add_clues(50) == worlds[1].add_clues(50)
    assert worlds[0].add_star_clues(5) == worlds[1].add_star_clues(5)


@pytest.mark.parametrize("name", DRIFTS)
def test_every_drift_shows_from_its_lead_on_or_changes_how_many_come(name: str) -> None:
    world = a_world()
    leads = world.add_clues(8)
    sender = PushSender(world, HOOK)
    plain = [sender.body(lead) for lead in leads]
    world.use_drift(name, after=4)
    changed = [sender.body(lead) for lead in leads]

    assert changed[:4] == plain[:4]
    assert (changed[4:] != plain[4:]) is (DRIFTS[name].rate == 1)


def test_a_drift_is_never_taken_for_a_test_message() -> None:
    world = a_world()
    (lead,) = world.add_clues(1)
    source = SourceSettings(platform="xiaohongshu", push="form_push")
    for name in DRIFTS:
        world.use_drift(name)
        body = PushSender(world, HOOK).body(lead)
        request = HookRequest("POST", b"", {}, body)
        (record,) = CONNECTOR.split(CONNECTOR.envelope(request, source), source)
        assert b"test_message" not in record.payload, name


def test_it_only_pushes_and_says_so() -> None:
    with pytest.raises(ConfigError, match="--push-to"):
        simulate("xiaohongshu", SimulationPlan(count=1), stop=threading.Event())
    assert "  label-odd  " in drifts_of("xiaohongshu")


def test_an_unknown_drift_is_told_all_that_there_are() -> None:
    with pytest.raises(ConfigError, match="answer-renamed"):
        a_world().use_drift("no-such")
