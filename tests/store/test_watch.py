"""Drift on a real store: seen by loaders, found once, told at once, mended by a publication."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database.engine import driver
from hub.drift.kinds import Kind, Sight, finding_id
from hub.drift.silence import Arrivals
from hub.ops.profiles import StoredArrivals, write_arrivals
from hub.privacy.keyring import KeyRing
from hub.registry import findings
from hub.registry.files import schema_files
from hub.registry.findings import Finding
from hub.registry.live import publish, rollback
from hub.steps.drift.watch import Watch
from hub.steps.load import Loader
from hub.steps.replay import replay_source
from hub.steps.verify import verify
from hub.steps.work import drain_queue
from tests.store.test_load import AT, DOUYIN, Hub, a_push, settings_with

pytestmark = pytest.mark.postgres
PHONE = "19900001234"


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    made = Hub(engine, keyring, settings_with(douyin=DOUYIN))
    yield made
    for loader in made.loaders:
        loader.close()


def watch_of(hub: Hub, loader: Loader) -> Watch:
    return Watch(hub.engine, hub.settings, loader.observer, clock=lambda: hub.now)


def found(hub: Hub, *states: str) -> list[Finding]:
    with hub.engine.begin() as conn:
        return findings.find_findings(conn, states=states or ("open",))


def count(hub: Hub, table: str) -> int:
    with hub.engine.begin() as conn:
        return int(conn.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608 -- a test's own words


def shipped(hub: Hub) -> tuple[dict[str, Any], dict[str, Any]]:
    """The shipped mapping of rule pushes and its contract, to be changed."""
    files = schema_files(hub.settings)
    document = files.mapping("douyin/clue_push/1-0-0")
    return json.loads(json.dumps(document)), json.loads(
        json.dumps(files.contract(document["from"]))
    )


def next_version(hub: Hub) -> tuple[dict[str, Any], dict[str, Any]]:
    """A version that knows `fan_level` as an extension field."""
    document, contract = shipped(hub)
    contract["$id"] = "raw/douyin/clue_push/1-0-1"
    contract["properties"]["fan_level"] = {"type": "integer", "x-pii": "none"}
    document |= {"mapping": "douyin/clue_push/1-0-1", "from": contract["$id"]}
    document["extensions"]["fan_level"] = {"type": "int", "label": "粉丝等级", "from": "fan_level"}
    return document, contract


def strict_version(hub: Hub) -> tuple[dict[str, Any], dict[str, Any]]:
    """A version that holds what its contract does not name, as an old-schema CRM does."""
    document, contract = shipped(hub)
    contract["$id"] = "raw/douyin/clue_push/1-0-9"
    contract["additionalProperties"] = False
    document |= {"mapping": "douyin/clue_push/1-0-9", "from": contract["$id"]}
    document["off_contract"] = "hold"
    return document, contract


def make_live(hub: Hub, version: tuple[dict[str, Any], dict[str, Any]]) -> None:
    document, contract = version
    with hub.engine.begin() as conn:
        publish(conn, document, contract=contract, published_by="a person", reason="drift")


def pushes(count: int, start: int = 0, **changes: Any) -> list[Any]:
    return [
        a_push(f"74000000000000{start + n:05d}", mobile=f"1990000{start + n:04d}", **changes)
        for n in range(count)
    ]


def test_a_new_field_is_one_finding_however_many_records_and_loaders_show_it(hub: Hub) -> None:
    first, second = hub.loader(), hub.loader()
    watches = watch_of(hub, first), watch_of(hub, second)
    for number, (loader, watch) in enumerate(zip((first, second) * 3, watches * 3, strict=True)):
        at = AT + timedelta(seconds=number)
        hub.store("douyin", pushes(5, start=10 * number, fan_level=3), at=at)
        loader.drain()
        hub.now = at
        watch.tick(force=True)

    [finding] = found(hub)
    assert (finding.kind, finding.pointer, finding.count) == (
        "field_added_required",
        "/fan_level",
        30,
    )
    assert finding.state == "open"
    assert count(hub, "inbox.marked") == 30
    assert count(hub, "alerts.alert") == 1
    assert hub.outcomes() == {"loaded": 30}


def test_the_first_offending_payload_raises_an_alert_at_the_next_tick(hub: Hub) -> None:
    loader = hub.loader()
    hub.store("douyin", [a_push(fan_level=3)])
    loader.drain()
    watch_of(hub, loader).tick()

    with hub.engine.begin() as conn:
        alert = conn.execute(sa.text("SELECT * FROM alerts.alert")).mappings().one()
    assert "field_added /fan_level" in alert["summary"]
    assert alert["action"] == f"hub drift show {found(hub)[0].id}"


def test_a_storm_is_one_alert_with_the_number_of_its_records(hub: Hub) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    for n in range(4):
        hub.now = AT + timedelta(seconds=20 * n)
        hub.store("douyin", pushes(250, start=250 * n, fan_level=3), at=hub.now)
        loader.drain()
        watch.tick(force=True)

    with hub.engine.begin() as conn:
        [row] = conn.execute(sa.text("SELECT dedupe_key, count FROM alerts.alert")).all()
    assert tuple(row) == ("drift::douyin:clue_push:", 1000)


def test_an_unchanged_source_says_nothing(hub: Hub) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    for n in range(20):
        hub.now = AT + timedelta(minutes=n)
        hub.store("douyin", pushes(30, start=30 * n), at=hub.now)
        loader.drain()
        watch.tick(force=True)

    assert found(hub, "open", "suspected") == []
    assert count(hub, "alerts.alert") == 0
    assert count(hub, "ops.profile_delta") == 0
    assert count(hub, "ops.profile") == 1


def test_nothing_personal_is_written_down_about_drift(hub: Hub) -> None:
    loader = hub.loader()
    hub.store("douyin", pushes(40, secret_phone="19900009999", note={"who": "张三"}))
    loader.drain()
    watch_of(hub, loader).tick(force=True)

    with hub.engine.begin() as conn:
        for table in ("registry.finding", "ops.profile", "alerts.alert", "ops.arrivals"):
            text = str(conn.execute(sa.text(f"SELECT * FROM {table}")).mappings().all())  # noqa: S608 -- a test's own words
            assert "1990000" not in text
            assert "张三" not in text


def test_records_loaded_with_a_mark_are_mapped_anew_when_a_version_is_published(hub: Hub) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    hub.store("douyin", pushes(8, fan_level=3))
    loader.drain()
    watch.tick(force=True)
    make_live(hub, next_version(hub))

    assert watch.tick(force=True) == 8
    assert hub.verify().holds, "a record that is mapped anew stands in one place only"
    assert hub.outcomes() == {"loaded": 8}
    loader.drain()

    assert {doc["ext"]["fan_level"] for doc in hub.lead_docs().values()} == {3}
    assert all("extra" not in doc for doc in hub.lead_docs().values())
    assert count(hub, "inbox.marked") == 0
    assert hub.outcomes() == {"loaded": 8}
    assert watch.tick(force=True) == 0


def test_a_strict_contract_holds_with_pointer_and_finding_and_a_publication_frees(
    hub: Hub,
) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    loader.drain()
    make_live(hub, strict_version(hub))
    hub.store("douyin", [*pushes(3), *pushes(4, start=10, fan_level=3)])
    loader.drain()
    watch.tick(force=True)

    assert hub.outcomes() == {"loaded": 3, "held": 4}
    [finding] = found(hub)
    assert (finding.severity, finding.breaks, finding.detail["held"]) == ("critical", "us", 4)
    with hub.engine.begin() as conn:
        held = conn.execute(sa.text("SELECT DISTINCT reason, finding FROM inbox.held")).all()
    assert [tuple(row) for row in held] == [("contract", finding.id)]

    document, contract = next_version(hub)
    contract["$id"] = document["from"] = "raw/douyin/clue_push/1-1-0"
    document["mapping"] = "douyin/clue_push/1-1-0"
    make_live(hub, (document, contract))
    assert watch.tick(force=True) == 4
    loader.drain()
    assert hub.outcomes() == {"loaded": 7}
    assert watch.tick(force=True) == 0
    assert hub.verify().holds


def test_what_the_new_version_cannot_take_either_stays_held_and_is_not_tried_again(
    hub: Hub,
) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    hub.store("douyin", [a_push(mobile="随便")])
    loader.drain()
    watch.tick(force=True)
    assert hub.outcomes() == {"held": 1}

    make_live(hub, next_version(hub))
    assert watch.tick(force=True) == 1
    loader.drain()
    assert hub.outcomes() == {"held": 1}
    assert watch.tick(force=True) == 0
    assert found(hub) == [], "one unusable phone is no change of the platform"


def test_a_publication_while_a_batch_is_under_way_strands_nothing(hub: Hub) -> None:
    """The batch has read the live version, then somebody publishes, then the batch commits."""
    loader = hub.loader()
    watch = watch_of(hub, loader)
    loader.drain()
    hub.store("douyin", pushes(5, fan_level=3))
    mapped = loader._preparer.map

    def publish_in_between(work: Any, accounts: Any) -> None:
        if (
            count(
                hub,
                "registry.mapping_publication WHERE entity = 'clue_push' AND version = '1-0-1'",
            )
            == 0
        ):
            make_live(hub, next_version(hub))
            other = watch_of(hub, hub.loader())
            assert other.tick(force=True) == 0, "there is nothing to see of the batch yet"
        mapped(work, accounts)

    object.__setattr__(loader, "_preparer", _Intercepted(loader._preparer, publish_in_between))
    loader.drain()
    with hub.engine.begin() as conn:
        versions = conn.execute(sa.text("SELECT DISTINCT mapping_version FROM inbox.record")).all()
    assert [tuple(row) for row in versions] == [("douyin/clue_push/1-0-0",)], (
        "a batch never mixes versions"
    )

    assert watch.tick(force=True) == 5
    loader.drain()
    assert {doc["ext"]["fan_level"] for doc in hub.lead_docs().values()} == {3}


class _Intercepted:
    def __init__(self, preparer: Any, map_instead: Any) -> None:
        self._preparer = preparer
        self.map = map_instead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._preparer, name)


def test_a_loader_takes_a_new_version_with_its_next_batch(hub: Hub) -> None:
    loader = hub.loader()
    hub.store("douyin", pushes(2, fan_level=1))
    loader.drain()
    make_live(hub, next_version(hub))
    hub.store("douyin", pushes(2, start=5, fan_level=1), at=AT + timedelta(seconds=1))
    loader.drain()

    with hub.engine.begin() as conn:
        versions = conn.execute(
            sa.text("SELECT mapping_version, count(*) FROM crm.lead GROUP BY 1 ORDER BY 1")
        ).all()
    assert [tuple(row) for row in versions] == [
        ("douyin/clue_push/1-0-0", 2),
        ("douyin/clue_push/1-0-1", 2),
    ]


def test_a_dismissed_finding_marks_nothing_and_stays_dismissed(hub: Hub) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    hub.store("douyin", pushes(3, fan_level=1))
    loader.drain()
    watch.tick(force=True)
    [finding] = found(hub)
    with hub.engine.begin() as conn:
        findings.decide(conn, [finding.id], state="dismissed", by="x", reason="ours", now=AT)
    watch.tick(force=True)
    hub.store("douyin", pushes(3, start=5, fan_level=1), at=AT + timedelta(seconds=1))
    loader.drain()
    watch.tick(force=True)

    assert [f.id for f in found(hub, "dismissed")] == [finding.id]
    assert found(hub) == []
    assert count(hub, "inbox.marked") == 3


def test_a_change_that_returns_opens_its_finding_again(hub: Hub) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    hub.store("douyin", pushes(3, fan_level=1))
    loader.drain()
    watch.tick(force=True)
    [finding] = found(hub)
    make_live(hub, next_version(hub))
    with hub.engine.begin() as conn:
        findings.decide(
            conn, [finding.id], state="solved", by="x", reason="published", now=AT,
            solved_by="douyin/clue_push/1-0-1",
        )  # fmt: skip
    watch.tick(force=True)
    loader.drain()
    watch.tick(force=True)
    assert found(hub) == []

    with hub.engine.begin() as conn:
        rollback(conn, "douyin", "clue_push", published_by="x", reason="back")
    hub.store("douyin", pushes(3, start=7, fan_level=1), at=AT + timedelta(seconds=1))
    loader.drain()
    watch.tick(force=True)
    [again] = found(hub)
    assert (again.id, again.reopened, again.count) == (finding.id, 1, 6)


def test_a_renamed_field_is_one_finding_that_says_where_it_went(hub: Hub) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    at = AT
    for n in range(66):
        at += timedelta(seconds=1)
        hub.now = at
        renamed = {"mobile": None, "contact": {"phone": f"1990000{n:04d}"}} if n > 54 else {}
        batch = [a_push(f"74100000000{n:02d}{k:05d}", **renamed) for k in range(4)]
        hub.store("douyin", batch, at=at)
        loader.drain()
        watch.tick(force=True)

    [moved] = found(hub)
    assert (moved.kind, moved.pointer, moved.detail["to"]) == (
        "field_moved", "/telephone", "/contact/phone",
    )  # fmt: skip
    [part] = found(hub, "joined")
    assert (part.pointer, part.detail["part_of"]) == ("/contact", moved.id)


def test_replays_and_repeated_revisions_do_not_feed_live_profiles(
    hub: Hub, keyring: KeyRing
) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    hub.store("douyin", pushes(10))
    loader.drain()
    watch.tick(force=True)
    before = _profile_records(hub)
    hub.store("douyin", pushes(10), at=AT + timedelta(seconds=5))
    assert loader.drain().counts == {"unchanged": 10}
    replay_source(
        hub.engine,
        keyring,
        hub.settings,
        "douyin",
        AT - timedelta(days=1),
        AT + timedelta(days=36_500),
    )
    watch.tick(force=True)

    assert _profile_records(hub) == before > 0


def _profile_records(hub: Hub) -> int:
    with hub.engine.begin() as conn:
        body = conn.execute(sa.text("SELECT baseline, recent FROM ops.profile")).one()
    return int(body[0]["records"]) + int(body[1]["records"])


def test_the_archive_rebuilds_the_same_crm(hub: Hub, keyring: KeyRing) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    hub.store("douyin", [*pushes(20, fan_level=2), a_push(mobile="随便")])
    hub.store("douyin", pushes(20, name="李四"), at=AT + timedelta(seconds=9))
    loader.drain()
    make_live(hub, next_version(hub))
    watch.tick(force=True)
    loader.drain()
    found = verify(hub.engine, keyring, deep=True, settings=hub.settings)

    assert found.rebuilt is not None
    assert found.rebuilt.leads == found.leads == 20
    assert found.rebuilt.content_hash == found.content_hash
    assert found.holds
    with hub.engine.begin() as conn:
        driver(conn).execute("UPDATE inbox.record SET mapping_version = 'douyin/clue_push/1-0-0'")
    changed = verify(hub.engine, keyring, settings=hub.settings)
    assert not changed.is_same_state
    assert not changed.holds


def test_a_replay_can_go_back_to_a_named_version(hub: Hub, keyring: KeyRing) -> None:
    loader = hub.loader()
    hub.store("douyin", pushes(3, fan_level=2))
    loader.drain()
    make_live(hub, next_version(hub))
    span = (AT - timedelta(days=1), AT + timedelta(days=36_500))
    assert replay_source(hub.engine, keyring, hub.settings, "douyin", *span) == {"loaded": 3}
    assert all("ext" in doc for doc in hub.lead_docs().values())

    counts = replay_source(
        hub.engine, keyring, hub.settings, "douyin", *span, mapping="douyin/clue_push/1-0-0"
    )
    assert counts == {"loaded": 3}
    assert all("ext" not in doc for doc in hub.lead_docs().values())


def test_ids_of_findings_depend_on_what_changed_alone() -> None:
    sight = Sight(Kind.FIELD_ADDED, "/fan_level", detail={"witness": "integer"})
    same = Sight(Kind.FIELD_ADDED_REQUIRED, "/fan_level")

    assert finding_id("", "douyin", "clue", sight) == finding_id("", "douyin", "clue", same)
    assert finding_id("m", "douyin", "clue", sight) != finding_id("", "douyin", "clue", sight)
    assert finding_id("a", "b", "c", sight) != finding_id("", "ab", "c", sight)


def test_a_later_revision_that_shows_a_change_is_counted_and_marked(hub: Hub) -> None:
    loader = hub.loader()
    hub.store("douyin", pushes(3))
    hub.store("douyin", pushes(3, fan_level=2), at=AT + timedelta(seconds=1))
    loader.drain()
    watch_of(hub, loader).tick(force=True)

    [finding] = found(hub)
    assert finding.count == 3
    assert finding.detail["shown"] == 0, "first-time records alone say what is required"
    assert hub.outcomes() == {"loaded": 3, "revised": 3}
    assert count(hub, "inbox.marked") == 3


def test_a_drain_evaluates_what_it_saw_and_replays_what_is_due(hub: Hub, keyring: KeyRing) -> None:
    """So that somebody with nothing but Dagster has findings, and leads in their new form."""
    hub.store("douyin", pushes(4, fan_level=2))
    first = drain_queue(hub.engine, keyring, hub.settings, name="a run")
    assert first.counts == {"loaded": 4}
    assert [finding.pointer for finding in found(hub)] == ["/fan_level"]

    make_live(hub, next_version(hub))
    again = drain_queue(hub.engine, keyring, hub.settings, name="a run")
    assert again.counts == {"loaded": 4}
    assert {doc["ext"]["fan_level"] for doc in hub.lead_docs().values()} == {2}
    assert drain_queue(hub.engine, keyring, hub.settings, name="a run").records == 0


def test_silence_is_told_once_and_ends_when_leads_come_again(hub: Hub) -> None:
    """Twenty days of a lead every ten minutes, then five hours of nothing on a working day."""
    arrivals = Arrivals()
    for n in range(20 * 24 * 6):
        arrivals.add(AT + timedelta(minutes=10 * n), 1)
    last = AT + timedelta(days=20)
    with hub.engine.begin() as conn:
        write_arrivals(conn, [StoredArrivals("douyin", "default", arrivals.as_json(), last)])
    loader = hub.loader()
    watch = watch_of(hub, loader)
    for minutes in (5, 300, 320):
        hub.now = last + timedelta(minutes=minutes)
        watch.tick(force=True)
        assert len(found(hub)) == (minutes > 5)

    [finding] = found(hub)
    assert (finding.kind, finding.source_key, finding.severity) == (
        "silence",
        "douyin",
        "critical",
    )
    assert _open_alerts(hub) == 1
    hub.now += timedelta(minutes=1)
    hub.store("douyin", pushes(1), at=hub.now)
    loader.drain()
    watch.tick(force=True)
    assert found(hub) == []
    assert _open_alerts(hub) == 0

    hub.now += timedelta(hours=6)
    watch.tick(force=True)
    [again] = found(hub)
    assert (again.id, again.reopened) == (finding.id, 1)


def _open_alerts(hub: Hub) -> int:
    return count(hub, "alerts.alert WHERE closed_at IS NULL")


def test_a_dismissed_change_of_figures_is_learned_and_the_next_one_told(hub: Hub) -> None:
    loader = hub.loader()
    watch = watch_of(hub, loader)
    sent = 0

    def send(batches: int, **changes: Any) -> None:
        nonlocal sent
        for _ in range(batches):
            sent += 4
            hub.now += timedelta(seconds=1)
            hub.store("douyin", pushes(4, start=sent, **changes), at=hub.now)
            loader.drain()
            watch.tick(force=True)

    send(60, app_name="抖音")
    send(20, app_name=None)
    [finding] = found(hub)
    assert (finding.kind, finding.pointer) == ("field_missing", "/app_name")
    with hub.engine.begin() as conn:
        findings.decide(
            conn, [finding.id], state="dismissed", by="x", reason="ours", now=hub.now
        )  # fmt: skip
    send(80, app_name=None)
    assert found(hub) == []

    send(500, app_name="抖音")
    assert found(hub) == []
    send(120, app_name=None)
    [again] = found(hub)
    assert (again.id, again.reopened) == (finding.id, 1)
