"""Processes that die again and again become one alert each, which ends when they live."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database.engine import make_engine
from hub.errors import StoreAwayError
from hub.steps.running.process_alerts import ProcessAlerts
from hub.steps.running.restarts import CRASHING_WITHIN_S, Life

pytestmark = pytest.mark.postgres
LOGS = Path("/var/log/hub")


def a_life(deaths: int, *, lived_s: float = 0.0) -> Life:
    """Of a process that died so often and has lived for so long since."""
    return Life(time.monotonic() - lived_s, deaths, deaths, (), crashing=deaths >= 5)


def alerts(engine: sa.Engine) -> list[Mapping[str, Any]]:
    query = "SELECT dedupe_key, severity, count, action, closed_at FROM alerts.alert ORDER BY id"
    with engine.connect() as conn:
        return [dict(row) for row in conn.execute(sa.text(query)).mappings()]


def test_deaths_become_one_alert_with_their_number(engine):
    lives = {"loader": a_life(4), "dagster-daemon": a_life(5)}
    written = ProcessAlerts(engine, lambda: lives, LOGS)
    written.write()
    lives["loader"] = a_life(5)
    written.write()
    lives["loader"] = a_life(8)
    written.write()
    written.write()
    daemon, loader = alerts(engine)

    assert (daemon["dedupe_key"], daemon["severity"]) == ("process:dagster-daemon", "warning")
    assert (loader["dedupe_key"], loader["severity"]) == ("process:loader", "critical")
    assert loader["count"] == 8
    assert "/var/log/hub/loader.log" in loader["action"]


def test_ten_minutes_of_life_close_it_and_later_deaths_open_another(engine):
    lives = {"loader": a_life(5)}
    written = ProcessAlerts(engine, lambda: lives, LOGS)
    written.write()
    lives["loader"] = Life(time.monotonic() - CRASHING_WITHIN_S, 0, 5)
    written.write()
    lives["loader"] = a_life(10)
    written.write()

    assert [one["closed_at"] is None for one in alerts(engine)] == [False, True]


def test_what_an_earlier_supervisor_opened_is_closed_too(engine):
    ProcessAlerts(engine, lambda: {"loader": a_life(5)}, None).write()
    ProcessAlerts(engine, lambda: {"loader": Life(time.monotonic())}, None).write()
    assert alerts(engine)[0]["closed_at"] is None

    steady = Life(time.monotonic() - CRASHING_WITHIN_S)
    ProcessAlerts(engine, lambda: {"loader": steady}, None).write()
    assert alerts(engine)[0]["closed_at"] is not None


def test_while_the_database_is_away_it_waits_and_is_written_afterwards(engine):
    away = make_engine("postgresql://hub@127.0.0.1:1/none")
    written = ProcessAlerts(away, lambda: {"postgres": a_life(6)}, LOGS)
    with pytest.raises(StoreAwayError):
        written.write()
    written._engine = engine
    written.write()

    assert alerts(engine)[0]["count"] == 6
    away.dispose()
