"""A proposal tried on a real store: what would change is told, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hub.drift.kinds import Kind
from hub.errors import ConfigError
from hub.privacy.keyring import KeyRing
from hub.steps.drift.findings import list_findings, show_finding
from hub.steps.drift.trial import try_proposal
from hub.steps.lookup import NotFoundError
from tests.store.drift_hub import (
    TAGS,
    DriftHub,
    a_new_star_push,
    a_star_push,
    opened_hub,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[DriftHub]:
    yield from opened_hub(engine, keyring)


def test_the_founding_story_ends_in_one_question(hub: DriftHub) -> None:
    hub.load([a_star_push(n) for n in range(5)] + [a_new_star_push(n) for n in range(5, 30)])
    findings = hub.find_founding()

    proposal = hub.gather(findings[0]).proposal({})

    assert proposal.open_questions == ("douyin_id",)
    assert set(proposal.mapping["extensions"]) == set(TAGS)
    assert "douyin_id" not in proposal.mapping["fields"]


def test_the_same_store_gives_the_same_proposal(hub: DriftHub) -> None:
    hub.load([a_new_star_push(n) for n in range(30)])
    [finding, *_] = hub.find_founding()

    first, second = (hub.gather(finding).proposal({"douyin_id": "repoint"}) for _ in range(2))

    assert first == second


def test_leads_gain_the_new_fields_and_lose_nothing(hub: DriftHub) -> None:
    hub.load([a_star_push(1)])
    hub.load([a_new_star_push(n) for n in range(2, 32)])
    [finding, *_] = hub.find_founding()
    gathered = hub.gather(finding)

    result = try_proposal(
        hub.engine,
        hub.keyring,
        hub.settings,
        gathered,
        gathered.proposal({"douyin_id": "repoint"}),
    )

    assert not result.loses
    assert result.changed_leads == 30
    assert result.fields["douyin_id"] == {"gained": 30}
    assert result.fields["ext.fan_level"] == {"gained": 30}
    assert result.fields["extra.unmapped.fan_level"] == {"moved": 30}
    assert result.records == {"live": 31, "sample": 10}
    assert not result.sample_problems


def test_a_try_writes_nothing(hub: DriftHub) -> None:
    hub.load([a_new_star_push(n) for n in range(3)])
    [finding, *_] = hub.find_founding()
    tables = (
        "registry.mapping_publication",
        "inbox.queue",
        "inbox.marked",
        "alerts.notice",
        "ops.audit",
    )
    before = [hub.count(table) for table in tables]
    gathered = hub.gather(finding)

    try_proposal(hub.engine, hub.keyring, hub.settings, gathered, gathered.proposal({}))

    assert [hub.count(table) for table in tables] == before


def test_what_a_try_shows_is_masked(hub: DriftHub) -> None:
    hub.load([a_star_push(7, phone=None, telephone="19900001234", name="张三丰")])
    hub.load([a_star_push(8)])
    finding = hub.find(Kind.FIELD_MISSING, "/phone")
    hub.find(Kind.FIELD_ADDED, "/telephone")
    gathered = hub.gather(finding)

    result = try_proposal(hub.engine, hub.keyring, hub.settings, gathered, gathered.proposal({}))

    shown = json.dumps([str(change) for change in result.leads if change.origin != "sample"])
    assert result.would_load == 1
    assert "1234" in shown
    assert "19900001234" not in shown
    assert "张三丰" not in json.loads(shown)[0]


def test_a_value_that_stands_in_another_field_afterwards_is_moved(hub: DriftHub) -> None:
    """The UID leaves 抖音号 for platform_state: nobody loses it."""
    hub.publish_strict()
    hub.load([a_star_push(n) for n in range(3)], source_key="agency-star")
    hub.load([a_new_star_push(n) for n in range(3, 25)], source_key="agency-star")
    [finding, *_] = hub.find_founding("agency")
    gathered = hub.gather(finding)

    kept = try_proposal(
        hub.engine,
        hub.keyring,
        hub.settings,
        gathered,
        gathered.proposal({"douyin_id": "repoint"}),
    )

    assert not kept.loses
    assert kept.would_load == 22
    assert kept.stranded == {}
    assert kept.fields["douyin_id"]["moved"] == 3
    assert kept.fields["platform_state.uid"]["gained"] == 25


def test_records_that_would_stay_held_are_counted_with_their_reason(hub: DriftHub) -> None:
    hub.publish_strict()
    hub.load([a_new_star_push(1), a_new_star_push(2, phone=None)], source_key="agency-star")
    [finding, *_] = hub.find_founding("agency")
    gathered = hub.gather(finding)

    result = try_proposal(
        hub.engine, hub.keyring, hub.settings, gathered, gathered.proposal({"douyin_id": "keep"})
    )

    assert result.would_load == 1
    assert result.staying == {("missing", "/phone"): 1}


def test_another_lead_key_is_a_loss(hub: DriftHub) -> None:
    """A lead that is mapped to another id would be there twice after the replay."""
    hub.load([a_star_push(n, item_no=f"i{n}") for n in range(3)])
    finding = hub.find(Kind.FIELD_MOVED, "/item_id", to="/item_no")
    gathered = hub.gather(finding)

    result = try_proposal(hub.engine, hub.keyring, hub.settings, gathered, gathered.proposal({}))

    assert result.other_ids == 3
    assert "another id" in result.losses()


def test_a_finding_is_found_by_the_beginning_of_its_id(hub: DriftHub) -> None:
    hub.load([a_new_star_push(1)])
    finding = hub.find(Kind.FIELD_ADDED, "/fan_level")

    shown = show_finding(hub.engine, finding.id[:6])

    assert (shown["id"], shown["sources"][0]["source_key"]) == (finding.id, "star")
    assert [row["id"] for row in list_findings(hub.engine)] == [finding.id]
    hub.find(Kind.FIELD_ADDED, "/x")
    with pytest.raises(NotFoundError, match="begins"):
        show_finding(hub.engine, "d")
    with pytest.raises(NotFoundError, match="no finding"):
        show_finding(hub.engine, "zzz")
    with pytest.raises(ConfigError, match="none of"):
        list_findings(hub.engine, state="lost")
