"""PostgreSQL is stopped under a running notifier: it tells by itself, and the end, too."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.alerts.tables import alert, message
from hub.database.embedded import EmbeddedServer
from hub.database.engine import make_engine
from hub.database.migrate import upgrade
from hub.ops.heartbeats import beats
from hub.privacy.keyring import new_keys
from tests.e2e.alerts_story import Notifiers, Outside, wait_for, write_settings
from tests.e2e.hub_processes import wait_until

pytestmark = [pytest.mark.postgres]


@pytest.fixture
def outside() -> Iterator[Outside]:
    made = Outside()
    made.start()
    yield made
    made.close()


def test_its_absence_and_its_return_are_told(
    outside: Outside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = EmbeddedServer.start(tmp_path / "pg", fsync=False)
    engine = make_engine(server.url)
    upgrade(engine)
    home = tmp_path / "home"
    home.mkdir()
    write_settings(home / "hub.yaml", "", outside.alerts())
    environment = {
        **os.environ,
        **outside.environment,
        "HUB_HOME": str(home),
        "HUB_CONFIG": str(home / "hub.yaml"),
        "HUB_DATABASE_URL": server.url,
        "HUB_KEYS": json.dumps(new_keys()),
    }
    notifiers = Notifiers(home, environment)
    try:
        notifiers.start()
        wait_until("a sign of life", lambda: _lives(engine))
        engine.dispose()
        server.release()
        gone_at = time.time()
        _, told_at = wait_for("the bot", lambda: _said(outside, "数据库连不上"))
        wait_for("the owner", lambda: outside.texts()["app"])
        server = EmbeddedServer.start(tmp_path / "pg", fsync=False)
        back_at = time.time()
        wait_until("the end", lambda: len(_said(outside, "数据库连不上")) == 2)
        over_at = time.time()
        with capsys.disabled():
            print(f"\ntold {told_at - gone_at:.1f} s after, over {over_at - back_at:.1f} s after")  # noqa: T201 -- figures
        assert notifiers.end() == 0
        with engine.connect() as conn:
            row = conn.execute(sa.select(alert).where(alert.c.dedupe_key == "database-away")).one()
            query = sa.select(message.c.event).where(message.c.alert_id == row.id)
            events = set(conn.execute(query).scalars())
    finally:
        notifiers.close()
        engine.dispose()
        server.release()

    assert row.closed_at is not None
    assert events >= {"opened", "climbed", "closed"}


def _said(outside: Outside, words: str) -> list[str]:
    return [text for text in outside.texts()["bot"] if words in text]


def _lives(engine: sa.Engine) -> int:
    with engine.connect() as conn:
        return len(beats(conn, "notifier"))
