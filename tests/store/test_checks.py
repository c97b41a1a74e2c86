"""Conservation laws, checks and the report, on a real database with rows put there by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.alerts.tables import alert, message
from hub.crm.tables import contact, contact_key, lead, lead_revision
from hub.drift.silence import Arrivals
from hub.inbox.tables import acknowledged, delivery, erased, held, queue, record
from hub.model.ids import record_id, uuid7
from hub.ops.heartbeats import beat
from hub.ops.tables import arrivals, heartbeat, loader, window
from hub.ops.windows import BUCKETS
from hub.registry.merchants import add_account, add_merchant
from hub.registry.tables import finding, finding_source
from hub.registry.tables import source as registered
from hub.settings import FormSettings, HubSettings, SourceSettings
from hub.steps.check_results import CheckResult, Severity
from hub.steps.checks import declared_checks, evaluate
from hub.steps.laws import (
    read_delivery_law,
    read_members,
    read_record_law,
    snapshot,
    unaccounted,
)
from hub.steps.report import (
    RUN_LOADER,
    alert_failed_checks,
    alert_failed_run,
    check_id,
    loader_is_alive,
    producer,
    report,
)
from hub.steps.watchdog.of_dagster import close_mended_runs

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 2, 17, 12, 0, tzinfo=UTC)
SETTINGS = HubSettings(
    sources={"douyin-main": SourceSettings(platform="douyin", push="clue_push")},
    forms={"site": FormSettings()},
)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def insert(engine: sa.Engine, table: sa.Table, **values: Any) -> None:
    with engine.begin() as conn:
        conn.execute(sa.insert(table).values(**values))


def an_id(instant: datetime = NOW) -> UUID:
    return uuid7(lambda: int(instant.timestamp() * 1000))


def a_delivery(
    engine: sa.Engine, *, duplicate_of: UUID | None = None, counted: bool = True
) -> UUID:
    delivery_id = an_id()
    insert(
        engine,
        delivery,
        id=delivery_id,
        merchant="default",
        source_key="douyin-main",
        via="push",
        received_at=NOW,
        duplicate_of=duplicate_of,
    )
    if counted:
        insert(
            engine,
            acknowledged,
            merchant="default",
            source_key="douyin-main",
            receiver=str(delivery_id),
            window_start=NOW,
            deliveries=1,
        )
    return delivery_id


def a_record(
    engine: sa.Engine, *, instant: datetime = NOW, source_key: str = "douyin-main"
) -> UUID:
    identity = record_id(an_id(instant), 0)
    insert(
        engine,
        record,
        id=identity,
        merchant="default",
        source_key=source_key,
        entity="clue",
        via="push",
        received_at=instant,
        sealed=b"x",
    )
    return identity


def held_record(engine: sa.Engine, reason: str = "missing") -> UUID:
    identity = a_record(engine)
    insert(
        engine,
        held,
        record_id=identity,
        merchant="default",
        source_key="douyin-main",
        entity="clue",
        reason=reason,
        path="/telephone",
        detail="",
        held_at=NOW,
    )
    return identity


def loaded_record(
    engine: sa.Engine,
    outcome: str = "loaded",
    *,
    instant: datetime = NOW,
    lead_id: UUID | None = None,
) -> UUID:
    identity = a_record(engine, instant=instant)
    insert(
        engine,
        lead_revision,
        record_id=identity,
        ordinal=0,
        lead_id=lead_id or an_id(),
        merchant="default",
        source_key="douyin-main",
        outcome=outcome,
        rank=b"",
        mode="snapshot",
        stream="push",
        mapping_version="1-0-0",
        content_hash=b"",
        keys=[],
    )
    return identity


def a_window(
    engine: sa.Engine,
    start: datetime,
    *,
    source_key: str = "douyin-main",
    by: int = 0,
    **values: Any,
) -> None:
    latency = [0] * BUCKETS
    latency[values.pop("bucket", 0)] = values.get("loaded", 0)
    insert(
        engine,
        window,
        merchant="default",
        source_key=source_key,
        window_start=start,
        loader=by,
        mapping_version=values.pop("version", "1-0-0"),
        latency=latency,
        **values,
    )


def a_loader(engine: sa.Engine, name: str, seen_at: datetime) -> int:
    with engine.begin() as conn:
        statement = sa.insert(loader).values(name=name, seen_at=seen_at).returning(loader.c.id)
        return int(conn.execute(statement).scalar_one())


def a_lead(engine: sa.Engine, contact_id: UUID, keys: list[bytes]) -> None:
    identity = an_id()
    insert(
        engine,
        lead,
        id=identity,
        merchant="default",
        source_key="douyin-main",
        entity="lead",
        contact_id=contact_id,
        first_record_id=identity,
        received_at=NOW,
        loaded_at=NOW,
        mapping_version="1-0-0",
        keys=keys,
        revisions=[identity],
        content_hash=b"",
    )
    loaded_record(engine, lead_id=identity)


def a_contact(engine: sa.Engine, *, key: bytes | None = None, into: UUID | None = None) -> UUID:
    identity = an_id()
    insert(engine, contact, id=identity, merchant="default", created_at=NOW, merged_into=into)
    if key is not None:
        always = {"first_s": 0, "last_s": 1 << 40}
        insert(engine, contact_key, merchant="default", blind=key, contact_id=identity, **always)
    return identity


def checks_by_name(engine: sa.Engine, now: datetime = NOW) -> dict[str, CheckResult]:
    found = evaluate(engine, SETTINGS, now)
    return {f"{'/'.join(result.asset)}:{result.name}": result for result in found}


def test_an_empty_store_keeps_both_laws(engine):
    with snapshot(engine) as conn:
        assert read_delivery_law(conn, {}).is_balanced
        assert read_record_law(conn).is_balanced


def test_a_snapshot_cannot_write(engine):
    with pytest.raises(sa.exc.DBAPIError), snapshot(engine) as conn:
        conn.execute(sa.delete(record))


def test_deliveries_are_stored_duplicate_or_spooled(engine):
    first = a_delivery(engine)
    a_delivery(engine, duplicate_of=first)
    with snapshot(engine) as conn:
        law = read_delivery_law(conn, {"douyin-main": 3})

    assert law.totals() == {"acknowledged": 5, "stored": 1, "duplicate": 1, "spooled": 3}
    assert law.is_balanced


def test_an_acknowledged_delivery_that_is_nowhere_breaks_the_law(engine):
    a_delivery(engine)
    insert(
        engine,
        acknowledged,
        merchant="default",
        source_key="douyin-main",
        receiver="other",
        window_start=NOW,
        deliveries=1,
    )
    result = checks_by_name(engine)["crm/lead:conservation_deliveries"]

    assert not result.passed
    assert result.numbers["difference"] == 1
    assert result.command == "hub verify"


def test_every_outcome_is_counted_from_its_own_table(engine):
    held_record(engine)
    for outcome in ("loaded", "loaded", "revised", "unchanged", "superseded"):
        loaded_record(engine, outcome)
    waiting_in_queue = a_record(engine)
    insert(
        engine,
        queue,
        lane=1,
        item_id=waiting_in_queue,
        is_record=True,
        merchant="default",
        source_key="douyin-main",
        via="push",
        received_at=NOW,
    )
    gone = a_record(engine)
    insert(
        engine,
        erased,
        record_id=gone,
        merchant="default",
        source_key="douyin-main",
        entity="clue",
        decided_at=NOW,
    )
    with snapshot(engine) as conn:
        law = read_record_law(conn)

    assert law.is_balanced
    assert law.totals() == {
        "records": 8,
        "queued": 1,
        "waiting": 0,
        "held": 1,
        "not_a_lead": 0,
        "discarded": 0,
        "erased": 1,
        "loaded": 2,
        "revised": 1,
        "unchanged": 1,
        "superseded": 1,
    }


def test_a_queued_delivery_is_no_record_yet(engine):
    insert(
        engine,
        queue,
        lane=0,
        item_id=an_id(),
        is_record=False,
        merchant="default",
        source_key="douyin-main",
        via="push",
        received_at=NOW,
        sealed=b"x",
    )
    with snapshot(engine) as conn:
        assert read_record_law(conn).totals()["queued"] == 0


def test_a_lost_and_a_doubled_record_are_found_by_id(engine):
    loaded_record(engine)
    lost = a_record(engine)
    doubled = held_record(engine)
    insert(
        engine,
        erased,
        record_id=doubled,
        merchant="default",
        source_key="douyin-main",
        entity="clue",
        decided_at=NOW,
    )
    with snapshot(engine) as conn:
        law = read_record_law(conn)
        found = unaccounted(conn, page=2)

    # One is missing and one is there twice: the sums agree, the records do not.
    assert law.is_balanced
    assert found == {lost: (), doubled: ("held", "erased")}


def test_a_law_can_look_at_recent_records_only(engine):
    loaded_record(engine, instant=NOW - timedelta(days=3))
    a_record(engine, instant=NOW - timedelta(days=3))
    loaded_record(engine)
    with snapshot(engine) as conn:
        assert read_record_law(conn, since=NOW - timedelta(days=1)).totals()["records"] == 1
        assert not read_record_law(conn).is_balanced


def test_members_of_a_term_come_in_pages(engine):
    ids = sorted(held_record(engine) for _ in range(3))
    with snapshot(engine) as conn:
        first = read_members(conn, "held", source_key="douyin-main", after=None, limit=2)
        rest = read_members(conn, "held", source_key=None, after=first[-1], limit=2)
        elsewhere = read_members(conn, "held", source_key="form-site", after=None, limit=2)

    assert first + rest == ids
    assert elsewhere == []


@pytest.mark.parametrize("term", ["loaded", "stored", "duplicate", "records", "queued"])
def test_every_kind_of_term_can_be_listed(engine, term):
    a_delivery(engine, duplicate_of=a_delivery(engine))
    loaded_record(engine)
    with snapshot(engine) as conn:
        members = read_members(conn, term, source_key=None, after=None, limit=10)

    assert len(members) == (0 if term == "queued" else 1)


def test_held_records_are_named_by_reason_with_the_command(engine):
    held_record(engine, "missing")
    held_record(engine, "no_mapping")
    result = checks_by_name(engine)["canonical/douyin-main:nothing_held"]
    since, command = "2026-02-17 12:00 UTC", "hub held list --source douyin-main"

    assert not result.passed
    assert result.since == NOW
    assert result.severity is Severity.WARN
    assert result.table is not None
    assert result.table.columns == ("reason", "pointer", "records", "since", "run")
    assert result.table.rows == (
        ("missing", "/telephone", 1, since, f"{command} --reason missing"),
        ("no_mapping", "/telephone", 1, since, f"{command} --reason no_mapping"),
    )
    assert result.command == command


def a_finding(
    engine: sa.Engine, name: str, kind: str, *, pointer: str = "", **values: Any
) -> None:
    """An open finding that douyin-main has shown five times."""
    own = kind in ("silence", "surge")
    row = {
        "merchant": "", "platform": "douyin", "entity": "clue_push", "kind": kind,
        "source_key": "douyin-main" if own else "", "severity": "warning", "breaks": "none",
        "first_seen": at(-60), "last_seen": NOW, "count": 9, "state": "open",
    }  # fmt: skip
    insert(engine, finding, id=name, pointer=pointer, **{**row, **values})
    insert(
        engine,
        finding_source,
        finding_id=name,
        source_key="douyin-main",
        merchant="default",
        first_seen=at(-30),
        last_seen=NOW,
        count=5,
    )


def test_without_findings_the_three_checks_of_drift_pass(engine):
    a_finding(engine, "d1", "field_added", pointer="/fan_level", state="solved")
    a_finding(engine, "d2", "field_added", pointer="/x", state="joined")
    checks = checks_by_name(engine)

    for name in ("drift", "volume", "silence"):
        assert checks[f"canonical/douyin-main:{name}"].passed, name


def test_changes_are_listed_with_what_to_run_the_worst_first(engine):
    a_finding(engine, "d1", "field_added", pointer="/fan_level", severity="info")
    a_finding(
        engine, "d2", "field_moved", pointer="/phone", severity="critical",
        detail={"to": "/contact/phone"},
    )  # fmt: skip
    record = held_record(engine)
    with engine.begin() as conn:
        conn.execute(sa.update(held).where(held.c.record_id == record).values(finding="d2"))
    checks = checks_by_name(engine)
    result = checks["canonical/douyin-main:drift"]

    assert (result.passed, result.severity) == (False, Severity.ERROR)
    assert result.table is not None
    since = "2026-02-17 11:59:30 UTC"
    assert result.table.columns == ("kind", "pointer", "since", "count", "held", "run")
    assert result.table.rows == (
        ("field_moved", "/phone → /contact/phone", since, 5, 1, "hub drift show d2"),
        ("field_added", "/fan_level", since, 5, 0, "hub drift show d1"),
    )
    assert result.numbers == {"open": 2, "held": 1}
    assert result.command == "hub drift show d2"
    assert checks["canonical/form-site:drift"].passed
    held_table = checks["canonical/douyin-main:nothing_held"].table
    assert held_table is not None
    assert held_table.rows == (
        ("missing", "/telephone", 1, "2026-02-17 12:00 UTC", "hub drift show d2"),
    )


def test_an_added_field_is_a_warning(engine):
    a_finding(engine, "d1", "field_added", pointer="/fan_level", severity="info")

    assert checks_by_name(engine)["canonical/douyin-main:drift"].severity is Severity.WARN


@pytest.mark.parametrize(
    ("kind", "check", "severity"),
    [("silence", "silence", Severity.ERROR), ("surge", "volume", Severity.WARN)],
)
def test_silence_and_surge_have_checks_of_their_own(engine, kind, check, severity):
    word = "critical" if kind == "silence" else "warning"
    a_finding(engine, "d1", kind, severity=word, detail={"longest_s": 60, "required": True})
    a_window(engine, at(-600), loaded=4)
    checks = checks_by_name(engine)
    result = checks[f"canonical/douyin-main:{check}"]

    assert (result.passed, result.severity) == (False, severity)
    assert result.numbers["longest_s"] == 60
    assert "required" not in result.numbers
    assert result.command == "hub drift show d1"
    assert checks["canonical/douyin-main:drift"].passed


def test_the_volume_is_that_of_the_last_hour(engine):
    a_window(engine, at(-600), loaded=4)
    a_window(engine, at(-7200), loaded=50)

    assert checks_by_name(engine)["canonical/douyin-main:volume"].numbers == {"last_hour": 4}


def test_volume_and_silence_say_what_the_source_is_known_for(engine):
    """17 February 2026 is a holiday; 20:00 in Shanghai is this hour."""
    learned = Arrivals()
    for day in range(20):
        learned.add(NOW - timedelta(days=20 - day, minutes=-10), 30)
        learned.add(NOW - timedelta(days=20 - day, minutes=-70), 5)
    body = {**learned.as_json(), "hours": {"holiday/20": [4, 120, 33, 900.0]}}
    insert(
        engine, arrivals, source_key="douyin-main", merchant="default", body=body, updated_at=NOW
    )
    checks = checks_by_name(engine)

    volume = checks["canonical/douyin-main:volume"].numbers
    assert volume == {"last_hour": 0, "usual_hour": 30.0, "most_in_an_hour": 33}
    quiet = checks["canonical/douyin-main:silence"].numbers
    assert quiet == {"minutes": 24 * 60 - 70, "longest_minutes": 15}


def test_a_finding_raises_no_second_alert_by_its_check(engine):
    a_finding(engine, "d1", "field_added", pointer="/fan_level")
    failed = [r for r in evaluate(engine, SETTINGS, NOW) if r.name == "drift"]

    assert alert_failed_checks(engine, failed, SETTINGS) == 1
    with engine.begin() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(alert)).scalar_one() == 0


def test_a_silent_source_is_not_fresh_and_a_new_one_is_a_warning(engine):
    a_window(engine, NOW - timedelta(days=2), loaded=1)
    checks = checks_by_name(engine)

    assert not checks["canonical/douyin-main:fresh"].passed
    assert checks["canonical/douyin-main:fresh"].severity is Severity.ERROR
    assert checks["canonical/form-site:fresh"].severity is Severity.WARN


def test_a_new_source_may_take_its_time_for_the_first_record(engine):
    with engine.begin() as conn:
        add_merchant(conn, "default")
        add_account(conn, "form-site", merchant="default", platform="webform", account=None)
        conn.execute(sa.update(registered).values(created_at=NOW - timedelta(hours=1)))
    assert checks_by_name(engine)["canonical/form-site:fresh"].passed
    with engine.begin() as conn:
        conn.execute(sa.update(registered).values(created_at=NOW - timedelta(days=9)))

    assert not checks_by_name(engine)["canonical/form-site:fresh"].passed


def test_a_source_with_a_recent_window_is_fresh(engine):
    a_window(engine, NOW - timedelta(days=2), loaded=1)
    a_window(engine, at(-60), loaded=1)

    assert checks_by_name(engine)["canonical/douyin-main:fresh"].numbers["age_s"] == 30
    assert checks_by_name(engine)["canonical/douyin-main:fresh"].passed


@pytest.mark.parametrize(("bucket", "passed"), [(14, True), (15, False), (BUCKETS - 1, False)])
def test_latency_is_judged_by_the_99th_of_100(engine, bucket, passed):
    a_window(engine, at(-60), loaded=98)
    a_window(engine, at(-30), loaded=2, bucket=bucket)
    a_window(engine, at(-3600), loaded=1000, bucket=BUCKETS - 1)

    assert checks_by_name(engine)["canonical/douyin-main:latency"].passed is passed


def test_leads_with_keys_of_two_contacts_are_counted(engine):
    root = a_contact(engine, key=b"\x05one")
    merged = a_contact(engine, key=b"\x05two", into=root)
    a_lead(engine, merged, [b"\x05one", b"\x05two"])
    checks = checks_by_name(engine)
    result = checks["crm/contact:duplicate_rate"]
    assert result.passed
    assert (result.numbers["leads"], result.numbers["doubled"]) == (1, 0)

    a_contact(engine, key=b"\x05three")
    a_lead(engine, root, [b"\x05three"])
    result = checks_by_name(engine)["crm/contact:duplicate_rate"]
    assert not result.passed
    assert result.numbers["doubled"] == 1


def test_only_finished_windows_are_reported(engine):
    a_window(engine, at(-60), loaded=2)
    a_window(engine, at(-30), loaded=1)

    assert [w.records for w in report(engine, SETTINGS, NOW, None).windows] == [2]


def test_a_window_is_reported_until_its_report_is_confirmed(engine):
    a_window(engine, at(-60), loaded=2)
    lost = report(engine, SETTINGS, NOW, None)
    again = report(engine, SETTINGS, at(1), None)
    confirmed = report(engine, SETTINGS, at(2), again.cursor)

    assert lost.windows == again.windows
    assert confirmed.windows == ()


def test_a_window_that_grew_after_its_report_is_reported_again(engine):
    a_window(engine, at(-60), loaded=2)
    first = report(engine, SETTINGS, NOW, None)
    with engine.begin() as conn:
        conn.execute(sa.update(window).values(loaded=3))
    second = report(engine, SETTINGS, at(30), first.cursor)

    assert [w.counts["loaded"] for w in second.windows] == [3]


def test_loaders_and_versions_of_a_source_are_one_window(engine):
    own, run = a_loader(engine, "work", NOW), a_loader(engine, RUN_LOADER, NOW)
    a_window(engine, at(-60), loaded=2, by=own, bucket=3)
    a_window(engine, at(-60), loaded=1, held=1, by=run, version="1-0-1")
    a_window(engine, at(-60), loaded=5, by=own, source_key="form-site")
    found = report(engine, SETTINGS, NOW, None)

    assert [(w.source_key, w.records) for w in found.windows] == [
        ("douyin-main", 4),
        ("form-site", 5),
    ]
    assert found.windows[0].mapping_versions == ("1-0-0", "1-0-1")
    assert found.windows[0].latency[:4] == (1, 0, 0, 2)
    assert producer(found.windows[0].loaders) == "loader window and run"
    assert [(load.counts["loaded"], load.counts["held"]) for load in found.loads] == [(8, 1)]


def test_a_long_absence_is_caught_up_in_chunks(engine):
    for place in range(130):
        a_window(engine, at(-30 * (place + 10)), loaded=1)
    first = report(engine, SETTINGS, NOW, None)
    second = report(engine, SETTINGS, at(30), first.cursor)
    starts = [w.window_start for w in (*first.windows, *second.windows)]

    assert len(first.windows) < 130
    assert starts == sorted(set(starts))
    assert len(starts) == 130


def test_checks_are_shown_when_their_verdict_changes_and_now_and_then(engine):
    first = report(engine, SETTINGS, NOW, None)
    soon = report(engine, SETTINGS, at(30), first.cursor)
    held_record(engine)
    a_minute_on = report(engine, SETTINGS, at(70), soon.cursor)
    quiet = report(engine, SETTINGS, at(140), a_minute_on.cursor)
    failing = report(engine, SETTINGS, at(301), quiet.cursor)
    repeated = report(engine, SETTINGS, at(3601), failing.cursor)

    assert len(first.checks) == len(repeated.checks) == len(declared_checks(SETTINGS))
    assert {"nothing_held", "everything_is_well"} < {check.name for check in failing.checks}
    assert not any(one.passed for one in failing.checks)
    assert failing.sources, "the page of sources is as often new"
    assert soon.checks == quiet.checks == ()
    assert [check.name for check in a_minute_on.checks] == [
        "nothing_held",
        "everything_is_well",
    ]


def test_a_cursor_that_cannot_be_read_is_a_new_start(engine):
    a_window(engine, at(-60), loaded=1)
    for cursor in ("", "no json", "[]", '{"rows": [[1]]}', json.dumps({"checked_at": "soon"})):
        assert len(report(engine, SETTINGS, NOW, cursor).windows) == 1


def test_the_heartbeat_is_of_a_loader_that_stays(engine):
    a_loader(engine, RUN_LOADER, NOW)
    a_loader(engine, "replay-douyin-main", NOW)
    assert report(engine, SETTINGS, NOW, None).seen_at == {}
    assert not loader_is_alive(engine, NOW)

    a_loader(engine, "work", at(-10))
    first = report(engine, SETTINGS, NOW, None)
    assert loader_is_alive(engine, NOW)
    assert first.seen_at == {"loader": at(-10)}
    assert report(engine, SETTINGS, at(30), first.cursor).seen_at == {}
    assert report(engine, SETTINGS, at(60), first.cursor).seen_at == {"loader": at(-10)}
    assert report(engine, SETTINGS, at(120), first.cursor).seen_at == {}


def test_failed_checks_and_runs_become_one_alert_each(engine):
    failed = [r for r in evaluate(engine, SETTINGS, NOW) if check_id(r).endswith("main:fresh")]
    assert alert_failed_checks(engine, failed, SETTINGS) == 1
    alert_failed_checks(engine, failed, SETTINGS)
    alert_failed_run(engine, "pull_douyin_main", "0000")
    with engine.begin() as conn:
        rows = conn.execute(sa.select(alert).order_by(alert.c.id)).all()

    assert [(row.dedupe_key, row.severity, row.count) for row in rows] == [
        ("check:canonical/douyin-main:fresh", "warning", 2),
        ("run:pull_douyin_main", "warning", 1),
    ]
    assert (rows[0].action, rows[0].merchant) == ("hub source check douyin-main", "default")


def test_an_alert_ends_when_its_check_passes_or_its_job_succeeds(engine):
    failed = [r for r in evaluate(engine, SETTINGS, NOW) if r.name == "fresh"]
    alert_failed_checks(engine, failed, SETTINGS)
    for name in ("pull_a", "pull_b"):
        alert_failed_run(engine, name, "0000")
    a_window(engine, at(-60), loaded=1)
    passing = [r for r in evaluate(engine, SETTINGS, NOW) if r.name == "fresh"]

    alert_failed_checks(engine, passing, SETTINGS)
    close_mended_runs(engine, lambda job: job == "pull_a")

    with engine.begin() as conn:
        assert [row["dedupe_key"] for row in open_alerts(conn)] == [
            "check:canonical/form-site:fresh",
            "run:pull_b",
        ]


def test_processes_that_live_are_told_with_the_loader(engine):
    with engine.begin() as conn:
        beat(conn, "receiver", "one")
        beat(conn, "notifier", "one")
        conn.execute(sa.update(heartbeat).values(seen_at=at(-20)))
        conn.execute(
            sa.update(heartbeat).where(heartbeat.c.process == "notifier").values(seen_at=at(-300))
        )

    assert report(engine, SETTINGS, NOW, None).seen_at == {"receiver": at(-20)}


def a_message(engine: sa.Engine, **values: Any) -> None:
    row = {
        "alert_id": 1, "event": "opened", "recipient": "group", "severity": "critical",
        "created_at": at(-600), "not_before": at(-600),
    }  # fmt: skip
    with engine.begin() as conn:
        conn.execute(sa.insert(message).values({**row, **values}))


def test_messages_that_wait_or_were_given_up_fail_their_check(engine):
    a_message(engine)
    a_message(engine, recipient="owner", given_up_at=at(-3600), severity="warning")
    a_message(engine, recipient="a", not_before=at(3600))
    a_message(engine, recipient="b", sent_at=at(-500))
    a_message(engine, recipient="c", not_before=at(-60))
    a_message(engine, recipient="d", given_up_at=at(-100_000))
    result = checks_by_name(engine)["ops/notifier_heartbeat:alerts_delivered"]

    assert (result.passed, result.severity) == (False, Severity.ERROR)
    assert result.numbers == {"late": 1, "given_up": 1}
    assert result.command == "hub alerts list"


def test_the_first_page_repeats_what_fails_with_its_command(engine):
    held_record(engine)
    result = checks_by_name(engine)["0_start_here/sources:everything_is_well"]

    assert not result.passed
    assert result.table is not None
    rows = {(row[0], row[1]): row for row in result.table.rows}
    assert rows[("canonical/douyin-main", "nothing_held")][3:] == (
        "2026-02-17 12:00 UTC",
        "1 record(s) are held.",
        "hub held list --source douyin-main",
    )


def test_a_check_that_goes_on_failing_keeps_its_since(engine):
    """A check whose facts do not say since when: the first report that saw it does."""
    first = report(engine, SETTINGS, NOW, None)
    second = report(engine, SETTINGS, at(400), first.cursor)
    failing = [one for one in second.checks if not one.passed]

    assert failing
    assert {one.since for one in failing} == {NOW}


def test_every_failing_check_names_a_command(engine):
    held_record(engine)
    a_finding(engine, "d1", "field_added", pointer="/fan_level")
    failing = [one for one in evaluate(engine, SETTINGS, NOW) if not one.passed]

    assert failing
    assert all(one.command for one in failing)
