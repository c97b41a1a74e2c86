"""Calls on a real database: what is a lead, what is an interaction, whatever comes twice or late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.connectors.call400 import CONNECTOR
from hub.model.delivery import Envelope, HookRequest
from hub.model.ids import lead_id
from hub.privacy.keyring import KeyRing
from hub.settings import SourceSettings
from hub.steps.replay import replay_source
from tests.store.test_load import AT, Hub, settings_with

pytestmark = pytest.mark.postgres
LINE, CUSTOMER = "4001234567", "19900000001"
SOURCES = {
    "hotline": SourceSettings(
        platform="call400", push="tccc_cdr", account="1400000001", options={"lines": [LINE]}
    ),
    "moor": SourceSettings(platform="call400", push="moor_call"),
}


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    made = Hub(engine, keyring, settings_with(**SOURCES))
    yield made
    for loader in made.loaders:
        loader.close()


def a_cdr(session: str = "s-1", **changed: Any) -> Envelope:
    body = {
        "SdkAppId": 1400000001,
        "SessionId": session,
        "Caller": CUSTOMER,
        "Callee": LINE,
        "Direction": 0,
        "CallType": 2,
        "AcceptTimestamp": 1763784020,
        "EndedTimestamp": 1763784065,
        "EndStatus": 1,
        **changed,
    }
    return pushed("hotline", body, b"action=cdr&version=1")


def a_recording(session: str = "s-1", record: str = "rec-1") -> Envelope:
    body = {"SdkAppId": 1400000001, "SessionId": session, "RecordId": record}
    return pushed("hotline", body, b"action=record")


def pushed(source: str, body: dict[str, Any], query: bytes) -> Envelope:
    request = HookRequest(
        "POST", query, {"content-type": "application/json"}, json.dumps(body).encode()
    )
    return CONNECTOR.envelope(request, SOURCES[source])


def a_state(state: str, **changed: str) -> Envelope:
    fields = {
        "CallSheetID": "demo-1",
        "CallNo": CUSTOMER,
        "CalledNo": LINE,
        "CallType": "normal",
        "CallState": state,
        "Ring": "2026-02-17 12:00:00",
        **changed,
    }
    request = HookRequest("GET", urlencode(fields).encode(), {}, b"")
    return CONNECTOR.envelope(request, SOURCES["moor"])


def interactions(hub: Hub) -> dict[str, list[tuple[UUID | None, dict[str, Any]]]]:
    """Kind → (lead, what it says), oldest record first."""
    with hub.engine.begin() as conn:
        rows = conn.execute(
            sa.text("SELECT id, kind, lead_id, sealed FROM crm.interaction ORDER BY record_id")
        ).all()
    found: dict[str, list[tuple[UUID | None, dict[str, Any]]]] = {}
    for row in rows:
        document = json.loads(hub.keyring.unseal(row.sealed, row.id.bytes))
        found.setdefault(row.kind, []).append((row.lead_id, document))
    return found


def test_a_call_gives_a_lead_and_an_interaction_of_it(hub: Hub) -> None:
    hub.store("hotline", [a_cdr()])
    hub.loader().drain()

    ((identifier, lead),) = hub.lead_docs().items()
    ((owner, call),) = interactions(hub)["call"]
    assert lead["mobile_e164"] == "+8619900000001"
    assert (owner, call["result"], call["duration_s"]) == (identifier, "answered", 45)
    assert hub.outcomes() == {"loaded": 1}
    assert hub.verify().holds


def test_a_number_of_no_interaction_stands_in_the_open(hub: Hub) -> None:
    hub.store("hotline", [a_cdr()])
    hub.loader().drain()

    with hub.engine.begin() as conn:
        row = conn.execute(sa.text("SELECT * FROM crm.interaction")).one()
    assert CUSTOMER not in repr(row)


def test_a_missed_call_is_a_lead_too(hub: Hub) -> None:
    hub.store("hotline", [a_cdr(AcceptTimestamp=0, EndStatus=103)])
    hub.loader().drain()

    (lead,) = hub.lead_docs().values()
    assert "missed_call" in lead["marks"]


def test_a_call_that_went_out_is_an_interaction_only(hub: Hub) -> None:
    hub.store("hotline", [a_cdr(Direction=1, CallType=1, Caller=LINE, Callee=CUSTOMER)])
    hub.loader().drain()

    assert hub.lead_docs() == {}
    ((owner, call),) = interactions(hub)["call"]
    assert (owner, call["direction"], call["mobile_e164"]) == (None, "outbound", "+8619900000001")
    assert hub.outcomes() == {"not_a_lead": 1}


def test_a_recording_belongs_to_its_calls_lead_also_if_it_comes_first(hub: Hub) -> None:
    hub.store("hotline", [a_recording(record="rec-1")])
    hub.loader().drain()
    hub.store("hotline", [a_cdr(), a_recording(record="rec-2")], at=AT + timedelta(seconds=1))
    hub.loader().drain()

    (identifier,) = hub.lead_docs()
    found = interactions(hub)
    assert identifier == lead_id("default", "hotline", "lead", "s-1", 0)
    assert [owner for owner, _ in found["recording"]] == [identifier, identifier]
    assert [doc["recording_ref"] for _, doc in found["recording"]] == ["rec-1", "rec-2"]


def test_states_in_any_order_and_twice_are_one_lead_and_one_interaction(hub: Hub) -> None:
    end = {"State": "dealing", "Begin": "2026-02-17 12:00:05", "End": "2026-02-17 12:01:05"}
    states = [a_state("Unlink", **end), a_state("Link"), a_state("Hangup", **end), a_state("Ring")]
    hub.store("moor", states)
    hub.store("moor", states, at=AT + timedelta(seconds=1))
    hub.loader().drain()

    assert len(hub.lead_docs()) == 1
    ((_, call),) = interactions(hub)["call"]
    assert (call["duration_s"], call["result"]) == (60, "answered")
    assert hub.outcomes() == {"loaded": 1, "unchanged": 3, "not_a_lead": 4}


def test_two_masked_callers_are_two_contacts(hub: Hub) -> None:
    calls = [a_cdr("s-1", Caller="199****0001"), a_cdr("s-2", Caller="199****0001")]
    hub.store("hotline", calls)
    hub.loader().drain()

    with hub.engine.begin() as conn:
        contacts = conn.execute(sa.text("SELECT count(DISTINCT contact_id) FROM crm.lead"))
        assert contacts.scalar_one() == 2


def test_two_calls_of_one_person_are_two_leads_of_one_contact(hub: Hub) -> None:
    hub.store("hotline", [a_cdr("s-1"), a_cdr("s-2", Caller="+86 019900000001")])
    hub.loader().drain()

    with hub.engine.begin() as conn:
        counts = conn.execute(
            sa.text("SELECT count(*), count(DISTINCT contact_id) FROM crm.lead")
        ).one()
    assert tuple(counts) == (2, 1)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"SdkAppId": 1400000002}, "unknown_account"), ({"Callee": "4007654321"}, "suspected_bot")],
)
def test_a_call_of_somebody_else_is_held(hub: Hub, changed: dict[str, Any], reason: str) -> None:
    hub.store("hotline", [a_cdr(**changed)])
    hub.loader().drain()

    with hub.engine.begin() as conn:
        assert conn.execute(sa.text("SELECT reason FROM inbox.held")).scalars().all() == [reason]
    assert hub.lead_docs() == {}


def test_a_push_that_we_do_not_know_is_held_and_not_lost(hub: Hub) -> None:
    hub.store("hotline", [pushed("hotline", {"SessionId": "s-1"}, b"action=voicemail")])
    hub.loader().drain()

    assert hub.outcomes() == {"held": 1}


def test_a_replay_changes_no_interaction(hub: Hub) -> None:
    hub.store("hotline", [a_cdr(), a_recording(), a_cdr("s-2", Direction=1)])
    hub.loader().drain()
    before = interactions(hub)

    replay_source(
        hub.engine,
        hub.keyring,
        hub.settings,
        "hotline",
        AT - timedelta(hours=1),
        AT + timedelta(hours=1),
    )

    assert interactions(hub) == before
    assert hub.verify().holds
