"""Opening the hub's database as its settings say."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from hub.database.migrate import HEAD, current_revision
from hub.errors import ConfigError, StoreAwayError
from hub.steps.open_store import open_store

pytestmark = pytest.mark.postgres


def test_a_new_hub_has_a_migrated_database_of_its_own(hub_home: Path):
    with open_store() as store:
        assert store.server is not None
        assert current_revision(store.engine) == HEAD
        pid = store.server.pid

    assert (hub_home / "pg" / "data").is_dir()
    assert pid is not None
    assert store.server.pid is None


def test_the_given_database_is_migrated_and_left_running(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, hub_home: Path
):
    monkeypatch.setenv("HUB_DATABASE_URL", empty_database_url)

    with open_store() as store:
        assert store.server is None
        assert store.revive() is False
        assert current_revision(store.engine) == HEAD
    assert not hub_home.exists()


def test_a_dead_embedded_server_is_revived():
    with open_store(migrate=False) as store:
        assert store.server is not None
        pid = store.server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        pause = threading.Event()
        assert any(store.server.pid is None or pause.wait(0.01) for _ in range(1000))

        assert store.revive() is True
        with store.engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT 1")) == 1


def test_a_refused_database_is_a_config_error_without_the_password(
    test_server, monkeypatch: pytest.MonkeyPatch
):
    url = make_url(test_server.url).set(database="nowhere", password="s3cret")
    monkeypatch.setenv("HUB_DATABASE_URL", url.render_as_string(hide_password=False))

    with pytest.raises(ConfigError, match="nowhere") as caught:
        open_store()

    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_does_not_answer_is_away_and_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub:s3cret@127.0.0.1:1/hub")

    with pytest.raises(StoreAwayError, match=r"127\.0\.0\.1:1/hub") as caught:
        open_store()

    assert "s3cret" not in str(caught.value)


def test_a_process_can_come_up_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub:s3cret@127.0.0.1:1/hub")

    with open_store(migrate=False) as store:
        assert store.server is None
