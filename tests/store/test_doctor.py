"""The doctor on a real database: each thing that can be wrong is found, in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from hub.alert_settings import AlertSettings, ChannelSettings
from hub.cli.main import build
from hub.database.engine import make_engine
from hub.database.migrate import HEAD
from hub.ops.heartbeats import beat
from hub.privacy.keyring import new_keys
from hub.settings import HubSettings, SourceSettings
from hub.steps.doctor import alerts as doctor_alerts
from hub.steps.doctor import flow as doctor_flow
from hub.steps.doctor import store as doctor_store
from hub.steps.doctor.examine import examine
from hub.steps.doctor.finding import Finding, Health, Scene
from hub.steps.keys.check import check_keys

pytestmark = pytest.mark.postgres
SETTINGS = HubSettings(
    sources={
        "ads": SourceSettings(platform="douyin", pulls=("clue",)),
    },
    alerts=AlertSettings(channels={"group": ChannelSettings(kind="wecom_bot", key_env="X")}),
)


@pytest.fixture
def scene(hub_home: Path) -> Scene:
    """A hub with a source and a channel, at the present time."""
    return Scene(SETTINGS, home=hub_home, environment={})


def write(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as conn:
        for statement in statements:
            conn.exec_driver_sql(statement)


def found(findings: Sequence[Finding], what: str) -> Finding:
    """The one finding of that name."""
    [one] = [finding for finding in findings if finding.what == what]
    return one


def test_a_sound_database_is_good_in_every_look(engine: sa.Engine, scene: Scene) -> None:
    findings = [
        *doctor_store.look_at_server(engine, scene),
        *doctor_store.look_at_schema(engine),
        *doctor_store.look_at_vacuum(engine),
        *doctor_flow.look_at_records(engine, scene),
        *doctor_alerts.look_at_alerts(engine, scene),
    ]

    assert {one.what for one in findings} >= {"database", "schema", "clock", "vacuum", "bloat"}
    assert [one for one in findings if one.health is not Health.GOOD] == []


def test_a_read_only_database_is_bad(engine: sa.Engine, scene: Scene) -> None:
    name = engine.url.database
    write(engine, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    engine.dispose()
    one = found(list(doctor_store.look_at_server(engine, scene)), "database")

    assert one.health is Health.BAD
    assert "read-only" in one.seen


@pytest.mark.parametrize(
    ("minutes", "health"), [(0.2, Health.WARNING), (10, Health.BAD), (-10, Health.BAD)]
)
def test_clocks_that_differ_are_told(
    engine: sa.Engine, hub_home: Path, minutes: float, health: Health
) -> None:
    ahead = timedelta(minutes=minutes)
    scene = Scene(SETTINGS, home=hub_home, environment={}, clock=lambda: datetime.now(UTC) + ahead)
    one = found(list(doctor_store.look_at_server(engine, scene)), "clock")

    assert one.health is health
    assert f"{abs(minutes) * 60:.0f} s apart" in one.seen
    assert "timedatectl" in one.mend


def test_a_missing_migration_is_bad_and_ends_the_look(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", empty_database_url)
    findings = examine(offline=True)

    assert found(findings, "schema") == Finding(
        "schema", Health.BAD, f"at nothing, needs {HEAD}", "hub migrate"
    )
    assert "loader" not in {one.what for one in findings}


def test_a_ring_of_other_keys_is_bad(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_KEYS", json.dumps(new_keys()))
    check_keys(engine)
    assert list(doctor_store.look_at_keys(engine)) == []

    monkeypatch.setenv("HUB_KEYS", json.dumps(new_keys()))

    assert found(list(doctor_store.look_at_keys(engine)), "keys").health is Health.BAD


def test_an_old_snapshot_names_who_holds_it(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_store, "OLD_SNAPSHOT_S", -1)
    forgetful = make_engine(database_url, application="a notebook")
    with forgetful.begin() as conn:
        conn.exec_driver_sql("SELECT 1")
        one = found(list(doctor_store.look_at_vacuum(engine)), "vacuum")
    forgetful.dispose()

    assert one.health is Health.WARNING
    assert "a notebook" in one.seen


def test_dead_rows_that_are_not_reused_are_told(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_store, "DEAD_ROWS", 50)
    write(
        engine,
        "ALTER TABLE ops.cursor SET (autovacuum_enabled = off)",
        "INSERT INTO ops.cursor SELECT 's', n::text, '1', now() FROM generate_series(1, 100) n",
        "DELETE FROM ops.cursor",
        "SELECT pg_stat_force_next_flush()",
    )
    engine.dispose()
    one = found(list(doctor_store.look_at_vacuum(engine)), "bloat")

    assert one.health is Health.WARNING
    assert one.seen.startswith("ops.cursor: 100 dead rows")


def test_a_loader_that_is_missing_is_bad_only_while_records_wait(
    engine: sa.Engine, scene: Scene
) -> None:
    assert (
        found(list(doctor_flow.look_at_loader(engine, scene)), "loader").health is Health.WARNING
    )

    write(
        engine,
        "INSERT INTO ops.loader (name, seen_at) VALUES ('loader', now() - interval '1 h')",
        "INSERT INTO inbox.queue (lane, item_id, is_record, merchant, source_key, via, received_at)"
        " VALUES (0, gen_random_uuid(), false, 'default', 'ads', 'push', now())",
    )

    one = found(list(doctor_flow.look_at_loader(engine, scene)), "loader")
    assert (one.health, one.mend) == (Health.BAD, "hub work")


def test_processes_that_fell_silent_are_bad(engine: sa.Engine, scene: Scene) -> None:
    with engine.begin() as conn:
        for process in ("receiver", "dagster"):
            beat(conn, process, "a")
        beat(conn, "receiver", "b")
    write(
        engine,
        "UPDATE ops.heartbeat SET seen_at = now() - interval '1 h' WHERE process = 'dagster'"
        " OR instance = 'b'",
    )
    findings = list(doctor_flow.look_at_processes(engine, scene))

    assert found(findings, "dagster").health is Health.BAD
    assert found(findings, "receiver").health is Health.WARNING
    assert found(findings, "receiver").seen.startswith("1 of 2 live")
    assert found(findings, "notifier") == Finding(
        "notifier", Health.WARNING, "never seen", "hub notify: until it runs alerts reach nobody"
    )


def test_held_records_and_refused_deliveries_are_told(engine: sa.Engine, scene: Scene) -> None:
    write(
        engine,
        "INSERT INTO inbox.held (record_id, merchant, source_key, entity, reason, path, detail, held_at)"
        " VALUES (gen_random_uuid(), 'default', 'ads', 'clue', 'unreadable', '', '', now())",
    )
    refused = scene.home / "spool" / "refused"
    refused.mkdir(parents=True)
    (refused / "0198.spool").write_bytes(b"")
    findings = list(doctor_flow.look_at_records(engine, scene))

    assert found(findings, "held").seen == "1 records wait"
    assert [one.health for one in findings if one.what == "spool"] == [Health.GOOD, Health.BAD]


def test_a_source_without_a_live_mapping_is_told(engine: sa.Engine, scene: Scene) -> None:
    new = HubSettings(sources={"new": SourceSettings(platform="meituan", push="message_push")})
    [one] = doctor_flow.look_at_sources(engine, replace(scene, settings=new))

    assert "new: no mapping is live" in one.seen
    assert one.mend == "hub source show new"
    assert "douyin/clue" in next(doctor_flow.look_at_sources(engine, scene)).seen


@pytest.mark.parametrize(
    ("row", "health", "words"),
    [
        ("'\\x00', NULL, now() - interval '1 d', false, ''", Health.BAD, "ended"),
        ("'\\x00', NULL, now() + interval '2 d', false, ''", Health.WARNING, "ends"),
        ("'\\x00', NULL, now() + interval '90 d', false, ''", Health.GOOD, "ends"),
        ("'\\x00', now() - interval '1 d', NULL, false, ''", Health.GOOD, "fetched anew"),
        ("'\\x00', NULL, NULL, true, 'revoked'", Health.BAD, "revoked"),
        ("NULL, NULL, NULL, false, ''", Health.WARNING, "never authorised"),
    ],
)
def test_a_grant_that_ends_or_is_lost_is_told(
    engine: sa.Engine, scene: Scene, row: str, health: Health, words: str
) -> None:
    write(engine, f"INSERT INTO ops.token VALUES ('ads', {row}, now())")  # noqa: S608 -- a constant
    one = found(list(doctor_flow.look_at_tokens(engine, scene)), "token ads")

    assert one.health is health
    assert words in one.seen


def test_alerts_that_nobody_took_on_and_messages_that_reached_nobody_are_told(
    engine: sa.Engine, scene: Scene
) -> None:
    write(
        engine,
        "INSERT INTO alerts.alert (dedupe_key, severity, summary, action, acknowledged_at) VALUES"
        " ('loader', 'critical', 's', 'a', NULL), ('held:ads', 'warning', 's', 'a', now())",
        "INSERT INTO alerts.message (alert_id, event, recipient, severity, given_up_at)"
        " VALUES (1, 'opened', 'ops', 'critical', now())",
        "INSERT INTO alerts.attempt (channel, messages, started_at, ended_at, failure, said) VALUES"
        " ('group', '{1}', now() - interval '1 h', now(), NULL, NULL),"
        " ('group', '{1}', now(), now(), 'credentials', 'the key in X is refused'),"
        " ('removed', '{1}', now(), now(), 'away', 'no answer')",
    )
    findings = list(doctor_alerts.look_at_alerts(engine, scene))
    tries = list(doctor_alerts.look_at_tries(engine, scene))

    assert found(findings, "alerts").health is Health.BAD
    assert found(findings, "alerts").seen.startswith("1 critical unacknowledged")
    assert found(findings, "messages").health is Health.BAD
    assert "the key in X is refused" in found(tries, "channel group").seen
    assert found(tries, "channel group").health is Health.BAD
    assert len(tries) == 1


def test_a_channel_that_never_took_a_message_is_unproved(engine: sa.Engine, scene: Scene) -> None:
    [before] = doctor_alerts.look_at_tries(engine, scene)
    write(
        engine,
        "INSERT INTO alerts.attempt (channel, messages, started_at, ended_at)"
        " VALUES ('group', '{}', now(), now())",
    )
    [after] = doctor_alerts.look_at_tries(engine, scene)

    assert (before.health, before.mend) == (Health.WARNING, "hub alerts test group")
    assert after.health is Health.GOOD


def test_a_channel_without_its_key_names_the_variable(scene: Scene) -> None:
    [one] = doctor_alerts.look_at_channel(scene, "group")

    assert one.health is Health.BAD
    assert "X" in one.seen
    assert "hub alerts test group" in one.mend


def test_the_command_exits_with_one_and_prints_json(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", empty_database_url)
    done = CliRunner().invoke(build("doctor"), ["doctor", "--offline", "--json"])

    assert done.exit_code == 1
    shown = json.loads(done.stdout)
    assert {
        "what": "schema",
        "health": "bad",
        "seen": f"at nothing, needs {HEAD}",
        "mend": "hub migrate",
    } in shown
    assert "public edge" not in {one["what"] for one in shown}


def test_a_database_that_does_not_answer_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub@127.0.0.1:1/hub")

    one = found(examine(offline=True), "database")
    assert one.health is Health.BAD
    assert "127.0.0.1:1" in one.seen


def test_wrong_settings_are_told_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text("max_body_bytes: 5000\nsourcs: {}\n", "utf-8")
    monkeypatch.setenv("HUB_CONFIG", str(path))

    [one] = examine(offline=True)
    assert one.health is Health.BAD
    assert one.seen.startswith(f"{path}:2: ")

    path.write_text("alerts:\n  recipients:\n    ops: {reach: [{via: gruop}]}\n", "utf-8")
    wrong = [
        one for one in examine(offline=True) if one.health is Health.BAD and one.what == "settings"
    ]
    assert wrong[0].seen.startswith(f"{path}:3: ")
    assert len({one.seen for one in wrong}) == len(wrong)
