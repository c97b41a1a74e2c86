"""The installation's figures, from a real store."""

from __future__ import annotations

from contextlib import closing

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest

from hub.alert_settings import AlertSettings, ChannelSettings
from hub.database.migrate import HEAD
from hub.settings import HubSettings, SourceSettings
from hub.steps.running.store_metrics import StoreFigures, serve_store_metrics

pytestmark = pytest.mark.postgres
SETTINGS = HubSettings(
    sources={"ads": SourceSettings(platform="douyin", push="clue_push")},
    alerts=AlertSettings(channels={"group": ChannelSettings(kind="wecom_bot", key_env="X")}),
)
_ID = "gen_random_uuid()"
ROWS = f"""
INSERT INTO inbox.queue (lane, item_id, is_record, merchant, source_key, via, received_at)
  VALUES (0, {_ID}, false, 'default', 'ads', 'push', now() - interval '90 s'),
         (0, {_ID}, false, 'default', 'ads', 'push', now()),
         (2, {_ID}, false, 'default', 'ads', 'import', now());
INSERT INTO inbox.held (record_id, merchant, source_key, entity, reason, path, detail, held_at)
  SELECT {_ID}, 'default', s, 'clue', 'unreadable', '', '', now() FROM unnest(ARRAY['ads','gone-1','gone-2']) s;
INSERT INTO ops.loader (name, seen_at) VALUES ('loader', now()), ('loader', now() - interval '1 h'),
  ('dagster-run', now());
INSERT INTO ops.heartbeat (process, instance, seen_at, facts) VALUES
  ('receiver', 'a', now(), '{{"spool_deliveries": 3, "spool_bytes": 900}}'),
  ('receiver', 'b', now() - interval '1 h', '{{"spool_deliveries": 7}}'),
  ('notifier', 'n', now() - interval '45 s', '{{}}'), ('stranger', 'x', now(), '{{}}');
INSERT INTO alerts.alert (dedupe_key, severity, summary, action, acknowledged_at) VALUES
  ('loader:a', 'critical', 's', 'a', NULL), ('held:ads', 'warning', 's', 'a', now());
INSERT INTO alerts.message (alert_id, event, recipient, severity, not_before, given_up_at) VALUES
  (1, 'opened', 'ops', 'critical', now() - interval '1 min', NULL),
  (1, 'climbed', 'ops', 'critical', now() + interval '1 h', NULL),
  (2, 'opened', 'ops', 'warning', now(), now());
INSERT INTO alerts.attempt (channel, messages, started_at, ended_at, failure, said) VALUES
  ('group', '{{1}}', now(), now(), 'away', 's'), ('group', '{{1}}', now(), now(), NULL, NULL),
  ('removed', '{{1}}', now(), now(), NULL, NULL);
INSERT INTO inbox.waiting (record_id, merchant, source_key, entity, needs, waiting_since, not_before)
  VALUES ({_ID}, 'default', 'ads', 'clue', 'phone', now(), now());
INSERT INTO ops.window (merchant, source_key, window_start, loader, mapping_version, loaded, latency)
  VALUES ('default', 'ads', now() - interval '5 min', 1, '', 1, ARRAY[1]);
"""  # noqa: S608 -- a constant


@pytest.fixture
def registry(engine: sa.Engine) -> CollectorRegistry:
    """The figures of a store in which something of everything stands."""
    with engine.begin() as conn:
        conn.exec_driver_sql(ROWS)
    made = CollectorRegistry()
    made.register(StoreFigures(engine, SETTINGS))
    return made


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"hub_{name}", labels)


def test_queue_and_held_records_are_told_by_lane_and_source(registry: CollectorRegistry) -> None:
    assert value(registry, "queue_rows", lane="live") == 2
    assert value(registry, "queue_rows", lane="replay") == 0
    assert value(registry, "queue_rows", lane="bulk") == 1
    age = value(registry, "queue_oldest_seconds", lane="live")
    assert age is not None
    assert 89 < age < 150
    assert value(registry, "held_records", source="ads") == 1
    assert value(registry, "waiting_records", source="ads") == 1
    silent = value(registry, "source_silent_seconds", source="ads")
    assert silent is not None
    assert 299 < silent < 400


def test_names_that_nobody_configured_are_one_series(registry: CollectorRegistry) -> None:
    """A source that was renamed every week would else make a series each."""
    assert value(registry, "held_records", source="unknown") == 2
    assert value(registry, "channel_tries", channel="unknown") == 1
    text = generate_latest(registry).decode()
    for stranger in ("gone-1", "stranger", "removed"):
        assert stranger not in text


def test_processes_are_told_by_their_signs_of_life(registry: CollectorRegistry) -> None:
    assert value(registry, "loaders_alive") == 1
    assert value(registry, "receivers_alive") == 1
    assert value(registry, "spooled_deliveries") == 3
    assert value(registry, "spooled_bytes") == 900
    assert value(registry, "windows_unreported") == 1
    beat = value(registry, "beat_age_seconds", process="notifier")
    assert beat is not None
    assert 44 < beat < 100
    assert value(registry, "beat_age_seconds", process="dagster") is None


def test_alerts_and_their_messages_are_told(registry: CollectorRegistry) -> None:
    assert value(registry, "alerts_open", severity="critical", acknowledged="no") == 1
    assert value(registry, "alerts_open", severity="warning", acknowledged="yes") == 1
    assert value(registry, "messages_due") == 1
    assert value(registry, "messages_given_up") == 1
    assert value(registry, "channel_tries", channel="group") == 2
    assert value(registry, "channel_failures", channel="group") == 1


def test_the_installation_names_its_release_and_schema(registry: CollectorRegistry) -> None:
    assert value(registry, "store_up") == 1
    assert f'schema="{HEAD}"' in generate_latest(registry).decode()
    assert (value(registry, "database_bytes") or 0) > 1_000_000
    assert value(registry, "gate_closed", merchant="default") == 0


def test_figures_are_kept_for_a_moment(engine: sa.Engine) -> None:
    """Two scrapers, or one that asks each second, cost the store no more than one look."""
    times = [100.0]
    figures = StoreFigures(engine, SETTINGS, timer=lambda: times[0])
    before = list(figures.collect())
    times[0] += 4.9

    assert next(iter(figures.collect())) is before[0]

    times[0] += 0.2
    assert next(iter(figures.collect())) is not before[0]


def test_a_store_that_is_away_is_a_figure_too() -> None:
    away = sa.create_engine(
        "postgresql+psycopg://nobody@127.0.0.1:1/none", connect_args={"connect_timeout": 2}
    )
    found = list(StoreFigures(away, SETTINGS).collect())

    assert [(f.name, f.samples[0].value) for f in found] == [("hub_store_up", 0)]


def test_it_is_served(engine: sa.Engine) -> None:
    with closing(serve_store_metrics(engine, SETTINGS, host="127.0.0.1", port=0)) as server:
        text = httpx.get(f"http://127.0.0.1:{server.port}/metrics").text

    assert "hub_store_up 1.0" in text
    assert "process_resident_memory_bytes" in text
