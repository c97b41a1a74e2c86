"""Processes that say they live: receivers with their spool, Dagster's daemon; the notifier that is missed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.inbox.spool import Spool
from hub.ops.heartbeats import beat, beats
from hub.settings import HubSettings
from hub.steps.open_store import Store
from hub.steps.receiver_upkeep import Pulse, Upkeep
from hub.steps.watchdog.of_dagster import beat_of_dagster
from tests.e2e.hub_processes import wait_until

pytestmark = pytest.mark.postgres
WITH_A_CHANNEL = HubSettings.model_validate(
    {"alerts": {"channels": {"bot": {"kind": "wecom_bot", "key_env": "HUB_BOT"}}}}
)


def facts(engine: sa.Engine) -> Mapping[str, float] | None:
    """Of the only receiver that said it lives, None if none did."""
    with engine.begin() as conn:
        rows = beats(conn, "receiver")
    assert len(rows) <= 1
    return dict(rows[0]["facts"]) if rows else None


def test_a_receiver_says_that_it_lives_until_it_ends_in_good_order(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    spool = Spool.open(tmp_path / "spool", "box-1-abc", 4096)
    (tmp_path / "spool" / "refused").mkdir()
    (tmp_path / "spool" / "refused" / "one.spool").write_bytes(b"x")
    upkeep = Upkeep(
        Store(engine, database_url, None), HubSettings(), lambda: False,
        Pulse("box-1-abc", spool, 4096),
    )  # fmt: skip
    upkeep.start()
    assert upkeep.wait_prepared(30)
    wait_until("a sign of life", lambda: facts(engine) is not None)

    said = facts(engine) or {}
    assert (said["spool_deliveries"], said["spool_max_bytes"], said["spool_refused"]) == (
        0,
        4096,
        1,
    )
    assert 0 < said["disk_free_bytes"] <= said["disk_bytes"]
    upkeep.stop()
    assert not upkeep.is_alive()
    assert facts(engine) is None
    spool.close()


def test_a_receiver_whose_database_is_away_ends_in_time(tmp_path: Path) -> None:
    nowhere = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    spool = Spool.open(tmp_path / "spool", "box-2-abc", 4096)
    upkeep = Upkeep(
        Store(nowhere, "", None), HubSettings(), lambda: True, Pulse("box-2-abc", spool, 4096)
    )
    upkeep.start()
    upkeep.stop()

    assert not upkeep.is_alive()
    spool.close()


def test_dagster_misses_the_notifier_only_where_alerts_have_somewhere_to_go(
    engine: sa.Engine,
) -> None:
    now = datetime.now(UTC)

    def told(settings: HubSettings, later: timedelta) -> list[tuple[str, str]]:
        beat_of_dagster(engine, settings, now + later)
        with engine.begin() as conn:
            return [(row["dedupe_key"], row["severity"]) for row in open_alerts(conn)]

    assert told(HubSettings(), timedelta()) == []
    assert told(WITH_A_CHANNEL, timedelta(seconds=119)) == []
    assert told(WITH_A_CHANNEL, timedelta(seconds=121)) == [("notifier", "critical")]
    with engine.begin() as conn:
        beat(conn, "notifier", "here")
    assert told(WITH_A_CHANNEL, timedelta(seconds=100)) == []
    assert told(WITH_A_CHANNEL, timedelta(seconds=130)) == [("notifier", "critical")]
    assert told(WITH_A_CHANNEL, timedelta(seconds=190)) == [("notifier", "critical")]
    with engine.begin() as conn:
        assert [row["count"] for row in open_alerts(conn)] == [1]
        assert [row["instance"] for row in beats(conn, "dagster")] == ["daemon"]
