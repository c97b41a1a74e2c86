"""From the first message of an undocumented push to leads: recorded, looked at, mapped, replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import hub.connectors.meituan
from hub.connectors.meituan import CONNECTOR
from hub.model.delivery import Envelope
from hub.privacy.keyring import KeyRing
from hub.registry.files import schema_files
from hub.settings import SourceSettings
from hub.steps.hook_delivery import envelope_of
from hub.steps.publish import check_named, publish_checked
from hub.steps.replay import list_held, replay_held
from tests.connectors.test_meituan import FIELDS, a_push, a_source
from tests.store.test_load import Hub, settings_with

pytestmark = pytest.mark.postgres
EXAMPLE = Path(hub.connectors.meituan.__file__).with_name("example.yaml")
KEY = "meituan"


@pytest.fixture
def first_contact(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    made = Hub(engine, keyring, settings_with(meituan=a_source("record_only")))
    yield made
    for loader in made.loaders:
        loader.close()


def a_message(source: SourceSettings, number: int, **message: Any) -> Envelope:
    document = {"demo_lead_id": str(number), "demo_created_at": 1771315200, **message}
    fields = {**FIELDS, "msgId": f"m-{number}", "message": json.dumps(document), "sign": "abc"}
    return envelope_of(CONNECTOR, a_push(fields), source)


def publish_example(hub: Hub) -> None:
    checked = check_named(schema_files(hub.settings), str(EXAMPLE))
    publish_checked(hub.engine, checked, merchant="", published_by="test", reason="first contact")


def held(hub: Hub) -> list[Any]:
    return [row["reason"] for row in list_held(hub.engine, source_key=KEY)]


def replay(hub: Hub) -> None:
    rows = list_held(hub.engine, source_key=KEY)
    replay_held(hub.engine, [row["record_id"] for row in rows], by="test")


def test_what_was_recorded_at_first_contact_becomes_leads_once_a_mapping_is_live(
    first_contact: Hub,
) -> None:
    source = first_contact.settings.sources[KEY]
    own = a_message(source, 1, demo_phone="19900000001", demo_phone_is_lent=False)
    lent = a_message(source, 2, demo_phone="19900000001", demo_phone_is_lent=True)
    first_contact.store(KEY, [own, lent])
    loader = first_contact.loader()

    loader.drain()
    assert held(first_contact) == ["record_only", "record_only"]

    publish_example(first_contact)
    replay(first_contact)
    loader.drain()

    assert held(first_contact) == []
    found = first_contact.verify()
    # One number, two contacts: a lent number says nothing of who is behind it.
    assert (found.leads, found.contacts, found.holds) == (2, 2, True)
    phones = [doc.get("phones") for doc in first_contact.lead_docs().values()]
    assert [{"value": "+8619900000001", "kind": "virtual"}] in phones


def test_without_a_mapping_a_verified_message_waits_and_nothing_is_guessed(
    engine: sa.Engine, keyring: KeyRing
) -> None:
    hub_ = Hub(engine, keyring, settings_with(meituan=a_source("sorted_sha1")))
    source = hub_.settings.sources[KEY]
    hub_.store(KEY, [a_message(source, 1, demo_phone="19900000001")])
    loader = hub_.loader()

    loader.drain()
    loader.close()

    assert held(hub_) == ["no_mapping"]
    assert hub_.verify().leads == 0
