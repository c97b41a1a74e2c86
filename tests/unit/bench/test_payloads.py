"""The leads that are measured are real to the connector and the mapping."""

import json
from pathlib import Path

from bench import payloads
from bench.mapping import Plan, measure
from bench.payloads import PHONES, crm_id, listed, people, pushed, signature, without_id
from hub.connectors.base import connector_for
from hub.connectors.signatures import verify
from hub.model.delivery import Envelope, HookRequest
from hub.model.ids import lead_id, record_id, uuid7
from hub.model.lead import RecordContext
from hub.registry.files import SchemaFiles
from hub.settings import SignatureSettings, SourceSettings
from hub.steps.mappings import compile_document

FILES = SchemaFiles(Path(__file__).parents[3] / "schemas")
NEWEST = {name.entity: str(name) for name in FILES.newest_mappings()}


def test_the_same_number_is_the_same_lead():
    assert list(people(50)) == list(people(50))


def test_mobiles_repeat_as_in_a_real_list():
    """85,000 possible phones: 20,000 leads are about 17,800 people."""
    found = {person.mobile for person in people(20_000)}

    assert 17_000 < len(found) < 18_600
    assert all(19_900_000_000 <= int(mobile) < 19_900_000_000 + PHONES for mobile in found)


def test_every_payload_maps_to_the_lead_that_the_watcher_waits_for(clock):
    source = SourceSettings(platform="douyin", push="clue_push")
    [person] = people(1)
    envelopes = [
        Envelope(shape="clue_push", body=payloads.encoded(pushed(person))),
        Envelope(shape="clue", body=payloads.page([listed(person)])),
    ]

    for envelope in envelopes:
        [record] = connector_for("douyin").split(envelope, source)
        mapping = compile_document(FILES.mapping(NEWEST[record.entity]), FILES)
        context = RecordContext(
            "default",
            payloads.SOURCE,
            "douyin",
            record.entity,
            "push",
            record_id(uuid7(), 0),
            clock(),
        )
        [lead] = mapping.map(json.loads(record.payload), context, lambda *_: "").leads

        own = lead_id("default", payloads.SOURCE, lead.key_entity, lead.external_id, lead.ordinal)
        assert own == crm_id(0)
        assert lead.doc["mobile_e164"] == f"+86{person.mobile}"
        assert "marks" not in lead.doc


def test_a_broken_item_lacks_only_its_id():
    [person] = people(1)

    assert listed(person).keys() - without_id(listed(person)).keys() == {"clue_id"}


def test_the_signature_is_one_that_the_receiver_takes(clock):
    settings = SignatureSettings(scheme="hmac_sha256", header=payloads.SIGNATURE_HEADER)
    headers = {payloads.SIGNATURE_HEADER: signature(b"body", "invented")}

    verify(settings, HookRequest("POST", b"", headers, b"body"), [b"invented"], clock())


def test_the_mapping_is_measured_with_and_without_its_contract():
    section = measure(Plan(runs=1, count=20), lambda _: None)

    assert all(check.is_right for check in section.checks)
    assert len(section.raw) == 4
