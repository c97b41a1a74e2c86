"""Signing flows on a real database: callbacks in any order, and the pulls that find what they lost."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.connectors.base import connectors
from hub.connectors.esign.simulator import PushSender, Simulator
from hub.connectors.esign.simulator.flows import ENDINGS, SimulatedFlow, a_flow
from hub.connectors.esign.simulator.sender import Habits
from hub.connectors.signatures import verify as verify_signature
from hub.database.engine import driver
from hub.errors import SignatureError
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import HookRequest, Via
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.hook_delivery import envelope_of, platform_key_of
from hub.steps.load import Loader
from hub.steps.sources.pull import PullOptions, pull_source
from hub.steps.verify import verify
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres
SECRET_ENV = "HUB_TEST_ESIGN_STORE_SECRET"
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
HUB_STATES = {
    "completed": "completed",
    "revoked": "revoked",
    "expired": "expired",
    "rejected": "rejected",
    "unfinished": "signing",
}
RUNS = itertools.count(1)
"""Each example has flows of its own, so that one database serves all."""
FEW = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Signings:
    """A store with one source of signing flows."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing, source: SourceSettings) -> None:
        self.engine, self.keyring, self.source = engine, keyring, source
        self.connector = connectors()[source.platform]
        self.settings = HubSettings(sources={"signing": source})
        self.now = AT
        self.loader = Loader(engine, keyring, self.settings, clock=lambda: self.now)
        self._numbers = itertools.count()

    def take(self, requests: Sequence[HookRequest]) -> None:
        """Store callbacks as the receiver would, a second apart, and load them."""
        for request in requests:
            at = self.now + timedelta(seconds=next(self._numbers))
            key = platform_key_of(self.connector, request, self.source)
            envelope = envelope_of(self.connector, request, self.source)
            arrival = Arrival(Via.PUSH, at, key)
            delivery = seal_delivery(self.keyring, "signing", self.source, envelope, arrival)
            with self.engine.begin() as conn:
                store_deliveries(driver(conn), [delivery])
        self.loader.drain()

    def pull(self, *streams: str) -> list[str]:
        """Pull now and load; the ids that were asked about."""
        asked: list[str] = []
        options = PullOptions(
            streams=streams, on_page=lambda _, page: asked.extend(page.external_ids)
        )
        asyncio.run(
            pull_source(
                self.engine, self.keyring, self.settings, "signing", now=self.now, options=options
            )
        )
        self.loader.drain()
        return asked

    def flows(self, columns: str = "state") -> dict[str, Any]:
        """Flow → what stands in its row."""
        query = f"SELECT facts->>'flow_id' AS flow, {columns} AS found FROM finance.document"  # noqa: S608 -- the test's own text
        with self.engine.begin() as conn:
            return {row.flow: row.found for row in conn.execute(sa.text(query))}

    def law_holds(self) -> bool:
        found = verify(self.engine, self.keyring)
        return found.record_law.is_balanced and found.delivery_law.is_balanced


@pytest.fixture
def simulator(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(seed=7, clock=clock) as running:
        monkeypatch.setenv(SECRET_ENV, running.world.app_secret)
        yield running


@pytest.fixture
def signings(engine: sa.Engine, keyring: KeyRing, simulator: Simulator) -> Iterator[Signings]:
    source = SourceSettings.model_validate(
        {
            "platform": "esign",
            "push": "signing",
            "pulls": ["signings", "open_signings"],
            "signature": {"scheme": "esign", "secret_env": SECRET_ENV},
            "options": {**simulator.options(SECRET_ENV), "calls_per_s": 1000, "retry_budget_s": 0},
        }
    )
    made = Signings(engine, keyring, source)
    made.now = simulator.world.clock()
    yield made
    made.loader.close()


def a_callback(event: dict[str, Any]) -> HookRequest:
    return HookRequest("POST", b"", {}, json.dumps(event, ensure_ascii=False).encode())


def flows_of_each_ending(run: int) -> list[SimulatedFlow]:
    """A flow of every ending, with ids of their own."""
    found: dict[str, SimulatedFlow] = {}
    for number in itertools.count(run * 1000):
        flow = a_flow(7, number, AT)
        found.setdefault(flow.ending, flow)
        if len(found) == len(ENDINGS):
            return list(found.values())
    raise AssertionError


@FEW
@given(seed=st.integers(0, 10_000))
def test_callbacks_doubled_and_shuffled_give_one_state_per_flow(
    signings: Signings, seed: int
) -> None:
    """Doubled by two subscriptions, out of order, in batches of any size."""
    chance = Random(seed)
    flows = flows_of_each_ending(next(RUNS))
    callbacks = [a_callback(event) for flow in flows for event in flow.events()] * 2
    chance.shuffle(callbacks)
    cut = chance.randrange(len(callbacks))
    signings.take(callbacks[:cut])
    signings.take(callbacks[cut:])

    states, numbers = signings.flows(), signings.flows("contract_number")
    for flow in flows:
        assert states[flow.flow_id] == HUB_STATES[flow.ending]
        assert numbers[flow.flow_id] == flow.contract_number
    assert signings.law_holds()


def test_a_late_signing_does_not_move_a_completed_flow_back(signings: Signings) -> None:
    flow = flows_of_each_ending(1)[0]
    first, *_, last = flow.events()

    signings.take([a_callback(last)])
    before = signings.flows()
    signings.take([a_callback({**first, "timestamp": last["timestamp"] + 3_600_000})])

    assert signings.flows() == before
    assert signings.law_holds()


def test_nobody_who_signed_stands_in_the_open(signings: Signings) -> None:
    flow = flows_of_each_ending(2)[0]
    signings.take([a_callback(event) for event in flow.events()])

    (facts,) = signings.flows("facts").values()
    text = json.dumps(facts, ensure_ascii=False)
    assert "1990000" not in text
    assert not [name for name in flow.names if name in text]


def test_a_flow_whose_last_callback_was_lost_is_found_by_the_night(
    signings: Signings, simulator: Simulator, clock: FakeClock
) -> None:
    flows = simulator.world.add_clues(12)
    signings.take([a_callback(event) for flow in flows for event in flow.events()[:2]])
    assert set(signings.flows().values()) == {"signing"}

    assert signings.pull("open_signings") == []  # nothing is old enough
    clock.advance(25 * 3600)
    signings.now = clock()
    asked = signings.pull("open_signings")

    assert sorted(asked) == sorted(flow.flow_id for flow in flows)
    assert signings.flows() == {flow.flow_id: HUB_STATES[flow.ending] for flow in flows}
    assert signings.pull("open_signings") == []
    assert signings.law_holds()


def test_where_nobody_finishes_a_flow_the_detail_says_that_all_have_signed(
    signings: Signings, simulator: Simulator
) -> None:
    """autoFinish is off: no callback says so, each signer's own is the reason to ask."""
    world = simulator.world
    flow = next(flow for flow in world.add_clues(60) if flow.ending == "unfinished")
    signings.take([a_callback(event) for event in flow.events()])
    assert signings.flows("facts->>'all_signed'") == {flow.flow_id: None}

    assert signings.pull("open_signings") == [flow.flow_id]
    assert signings.flows("facts->>'all_signed'") == {flow.flow_id: "true"}
    assert signings.flows() == {flow.flow_id: "signing"}
    assert signings.pull("open_signings") == []


def test_a_flow_of_which_no_callback_came_is_in_the_list(
    signings: Signings, simulator: Simulator, clock: FakeClock
) -> None:
    flows = simulator.world.add_clues(5)
    clock.advance(300)
    signings.now = clock()

    signings.pull("signings")

    assert signings.flows() == {flow.flow_id: HUB_STATES[flow.ending] for flow in flows}


def test_a_flow_that_the_platform_does_not_know_is_told_and_changes_nothing(
    signings: Signings, simulator: Simulator, clock: FakeClock
) -> None:
    flow = simulator.world.add_clues(1)[0]
    signings.take([a_callback(flow.events()[0])])
    simulator.world.forget(flow.flow_id)
    clock.advance(25 * 3600)
    signings.now = clock()

    signings.pull("open_signings")

    with signings.engine.begin() as conn:
        reasons = conn.execute(sa.text("SELECT reason FROM inbox.not_a_lead")).scalars().all()
    assert reasons == ["flow_not_found"]
    assert signings.flows() == {flow.flow_id: "signing"}
    assert signings.law_holds()


def test_the_simulator_signs_as_the_hub_verifies_and_sends_again_until_it_is_taken(
    signings: Signings, simulator: Simulator
) -> None:
    taken: list[HookRequest] = []
    tries: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        found = HookRequest(
            "POST", request.url.query, dict(request.headers.items()), request.content
        )
        verify_signature(
            signings.source.signature, found, [simulator.world.app_secret.encode()], AT
        )
        tries.append(1)
        if len(tries) % 5 == 0:
            return httpx.Response(503)
        taken.append(found)
        reply = signings.connector.accepted(found, signings.source)
        return httpx.Response(reply.status, content=reply.body)

    flows = simulator.world.add_clues(4)
    habits = Habits(twice=True, reorder_within=50, duplicate_share=0.3, retry_after_s=(0, 0, 0))
    sender = PushSender(
        simulator.world,
        "http://hub.invalid/hooks/signing?src=leadhub",
        habits=habits,
        transport=httpx.MockTransport(answer),
    )
    report = asyncio.run(sender.send(flows))
    signings.take(taken)

    assert (report.acknowledged, report.given_up) == (4, [])
    assert report.retries > 0
    assert signings.flows() == {flow.flow_id: HUB_STATES[flow.ending] for flow in flows}
    assert signings.law_holds()


def test_a_callback_signed_with_another_secret_is_refused(
    signings: Signings, simulator: Simulator
) -> None:
    sender = PushSender(simulator.world, "http://hub.invalid/", constants={"token": "another"})
    body = sender.body(simulator.world.add_clues(1)[0], 0)
    request = HookRequest(
        "POST", b"", {k.lower(): v for k, v in sender.headers(body).items()}, body
    )

    with pytest.raises(SignatureError):
        verify_signature(
            signings.source.signature, request, [simulator.world.app_secret.encode()], AT
        )


# ---- 法大大


FASC_STORY = (
    ("sign-task-start", "sign_progress"),
    ("sign-task-read", "sign_progress"),
    ("sign-task-signed", "sign_progress"),
    ("sign-task-signed", "sign_completed"),
)
FASC_ENDINGS = {
    "completed": [("sign-task-finished", "task_finished")],
    "rejected": [("sign-task-sign-rejected", "task_terminated")],
    "revoked": [("sign-task-canceled", "task_terminated")],
    "expired": [("sign-task-expire", "expired")],
    "dissolved": [("sign-task-finished", "task_finished"), ("sign-task-abolish", "revoked")],
}


def fasc_callbacks(task: str, ending: str) -> list[HookRequest]:
    found = []
    for place, (event, status) in enumerate([*FASC_STORY, *FASC_ENDINGS[ending]]):
        content = {
            "eventTime": str(1763784000000 + place * 60_000),
            "signTaskId": task,
            "signTaskStatus": status,
            "transReferenceId": f"HT-{task}",
            "actorId": f"actor-{place}",
        }
        body = str(httpx.QueryParams({"bizContent": json.dumps(content)})).encode()
        found.append(HookRequest("POST", b"", {"x-fasc-event": event}, body))
    return found


@FEW
@given(seed=st.integers(0, 10_000))
def test_tasks_doubled_and_shuffled_give_one_state_each(
    engine: sa.Engine, keyring: KeyRing, seed: int
) -> None:
    source = SourceSettings.model_validate(
        {"platform": "fadada", "push": "signing", "signature": {"scheme": "fasc"}}
    )
    signings = Signings(engine, keyring, source)
    run = next(RUNS)
    tasks = {f"17637000000{run:04d}{n}": ending for n, ending in enumerate(FASC_ENDINGS)}
    callbacks = [c for task, ending in tasks.items() for c in fasc_callbacks(task, ending)] * 2
    Random(seed).shuffle(callbacks)
    signings.take(callbacks)
    signings.loader.close()

    states, numbers = signings.flows(), signings.flows("contract_number")
    assert {task: states[task] for task in tasks} == tasks
    assert {task: numbers[task] for task in tasks} == {task: f"HT-{task}" for task in tasks}
