"""The simulated call centres speak the vendors' formats: what they send, the connector and mappings read."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import respx

from hub.connectors.call400 import CONNECTOR
from hub.connectors.call400.simulator import (
    DRIFTS,
    Habits,
    PushSender,
    SimulatedCall,
    Simulator,
    World,
)
from hub.connectors.simulation import described
from hub.errors import ConfigError
from hub.mapping.examples import example_context, example_id
from hub.model.delivery import HookRequest
from hub.model.lead import Mapped
from hub.registry.files import SchemaFiles
from hub.settings import SourceSettings
from hub.steps.mappings import compile_document

URL = "http://127.0.0.1:9/hooks/hotline/secret"
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
FILES = SchemaFiles(Path(__file__).parents[4] / "schemas")
TCCC = SourceSettings(platform="call400", push="tccc_cdr", options={"lines": ["4001234567"]})
MOOR = SourceSettings(platform="call400", push="moor_call", options={"lines": ["4001234567"]})
MAPPINGS = {
    entity: compile_document(FILES.mapping(f"call400/{entity}/1-0-0"), FILES)
    for entity in ("tccc_cdr", "tccc_record", "moor_call")
}


def a_world(drift: str | None = None, after: int = 0) -> World:
    world = Simulator(7, clock=lambda: AT).world
    world.use_drift(drift, after=after)
    return world


def sent(
    world: World, calls: Sequence[SimulatedCall], source: SourceSettings, habits: Habits
) -> list[httpx.Request]:
    """What a sender sends to a receiver that takes everything."""
    ack = CONNECTOR.accepted(HookRequest("POST", b"", {}, b""), source)
    with respx.mock as routes:
        routes.route().mock(return_value=httpx.Response(ack.status, content=ack.body))
        report = asyncio.run(PushSender(world, URL, habits=habits).send(calls))
        requests = [call.request for call in routes.calls]
    assert (report.acknowledged, report.given_up) == (len(calls), [])
    return requests


def read(request: httpx.Request, source: SourceSettings) -> Mapped:
    """What the hub makes of a request."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    hook = HookRequest(request.method, request.url.query, headers, request.read())
    (record,) = CONNECTOR.split(CONNECTOR.envelope(hook, source), source)
    assert not record.unreadable
    assert not record.headers
    mapping = MAPPINGS[record.entity]
    payload = json.loads(record.payload)
    assert mapping.accepts(payload)
    return mapping.map(payload, example_context(mapping), example_id)


@pytest.mark.parametrize("habits", [Habits(), Habits(reorder_within=10, duplicate_share=0.3)])
def test_every_call_of_tccc_that_came_in_becomes_its_lead(habits: Habits) -> None:
    world = a_world()
    calls = world.add_clues(60, every_s=1)

    made = [read(request, TCCC) for request in sent(world, calls, TCCC, habits)]

    leads = {lead.external_id for mapped in made for lead in mapped.leads}
    assert leads == {call.key for call in calls if call.is_lead}
    whys = Counter(mapped.not_a_lead for mapped in made)
    assert set(whys) == {None, "outbound_call", "recording"}


def test_every_call_of_7moor_is_told_state_by_state_and_makes_one_lead() -> None:
    world = a_world()
    calls = world.add_star_clues(60, every_s=1)

    requests = sent(world, calls, MOOR, Habits())
    made = [read(request, MOOR) for request in requests]

    assert {request.method for request in requests} == {"GET"}
    leads = [lead.external_id for mapped in made for lead in mapped.leads]
    assert sorted(leads) == sorted(call.key for call in calls if call.is_lead)
    assert Counter(mapped.not_a_lead for mapped in made)["intermediate_state"] >= 2 * len(calls)


def test_a_lost_acknowledgement_brings_the_push_again_under_its_own_id() -> None:
    world = a_world()
    calls = world.add_clues(3)
    habits = Habits(lost_ack_share=1.0, retry_after_s=(0.0,))

    requests = sent(world, calls, TCCC, habits)

    ids = Counter(request.headers["x-tccc-push-uuid"] for request in requests)
    assert set(ids.values()) == {2}


def test_a_refusal_is_tried_again_and_then_given_up() -> None:
    world = a_world()
    (call,) = world.add_clues(1)
    with respx.mock as routes:
        routes.route().mock(return_value=httpx.Response(401, content=b"refused"))
        sender = PushSender(world, URL, habits=Habits(retry_after_s=(0.0, 0.0)))
        report = asyncio.run(sender.send([call]))

    assert (report.attempts, report.given_up) == (3, [call.key])


def test_one_seed_gives_one_set_of_calls() -> None:
    assert a_world().add_clues(20) == a_world().add_clues(20)


@pytest.mark.parametrize("name", sorted(DRIFTS))
def test_a_drift_comes_with_its_call_and_shows(name: str) -> None:
    plain, changed = a_world(), a_world(name, after=1)
    calls = plain.add_clues(2)
    bodies = [[PushSender(w, URL).body(call) for call in calls] for w in (plain, changed)]

    assert bodies[0][0] == bodies[1][0]
    assert bodies[0][1] != bodies[1][1]
    assert f"  {name}" in described(World.drifts)


def test_a_masked_caller_still_makes_a_lead_without_identity() -> None:
    world = a_world("number-masked")
    calls = [call for call in world.add_clues(20) if call.is_lead]

    made = [read(request, TCCC) for request in sent(world, calls, TCCC, Habits())]

    leads = [lead for mapped in made for lead in mapped.leads]
    assert len(leads) == len(calls)
    assert not any(lead.keys for lead in leads)


def test_an_unknown_drift_is_named() -> None:
    with pytest.raises(ConfigError, match="number-masked"):
        a_world("no-such")
