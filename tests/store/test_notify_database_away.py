"""The database is away: the notifier tells that by itself, and writes it down when it is back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.alerts.tables import alert
from hub.channels.base import Failure
from hub.database.engine import make_engine
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from tests.store.notify_hub import ALERTS, NotifyHub

pytestmark = pytest.mark.postgres
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


class Switch:
    """An engine that can be cut off: connections open to it are ended, too."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.is_away = False

    def connect(self) -> sa.Connection:
        if self.is_away:
            self.engine.dispose()
            return make_engine(NOWHERE).connect()
        return self.engine.connect()

    def begin(self) -> object:
        return make_engine(NOWHERE).begin() if self.is_away else self.engine.begin()


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing, tmp_path: Path) -> Iterator[NotifyHub]:
    settings = HubSettings.model_validate({"alerts": ALERTS})
    made = NotifyHub(engine, keyring, tmp_path / "home", settings)
    yield made
    made.close()


@pytest.fixture
def switch(engine: sa.Engine) -> Switch:
    return Switch(engine)


def cut(hub: NotifyHub, switch: Switch, database_url: str) -> None:
    """End the notifier's connection and refuse new ones."""
    other = make_engine(database_url)
    with other.begin() as conn:
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    other.dispose()
    switch.is_away = True


def test_it_is_told_after_ten_seconds_climbs_and_its_end_is_told(
    hub: NotifyHub, switch: Switch, engine: sa.Engine, database_url: str
) -> None:
    notifier = hub.notifier(switch)  # type: ignore[arg-type]  # what a notifier uses of an engine
    notifier.tick(hub.later(seconds=1))
    cut(hub, switch, database_url)
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(seconds=8))
    assert hub.outside.sent == []
    notifier.tick(hub.later(seconds=3))
    notifier.tick(hub.later(seconds=1))
    assert [one.channel for one in hub.outside.sent] == ["bot"]
    assert "数据库" in hub.outside.sent[0].message.lines[0]
    assert hub.outside.sent[0].message.link == ""
    notifier.tick(hub.later(seconds=300))
    assert [one.to for one in hub.outside.sent] == ["", "zhang_san"]
    assert notifier.is_away
    switch.is_away = False
    for _ in range(3):
        notifier.tick(hub.later(seconds=1))

    assert not notifier.is_away
    events = [(one.to, one.message.facts["event"]) for one in hub.outside.sent[2:]]
    assert events == [("", "closed"), ("zhang_san", "closed")]
    with engine.connect() as conn:
        row = conn.execute(sa.select(alert)).one()
    assert row.dedupe_key == "database-away"
    assert row.closed_at is not None
    assert [one.sent_via for one in hub.rows()] == ["bot", "app", "bot", "app"]
    assert not (hub.home / "notify-away.json").exists()


def test_a_notifier_that_starts_anew_meanwhile_begins_nothing_again(
    hub: NotifyHub, switch: Switch, database_url: str
) -> None:
    switch.is_away = True
    first = hub.notifier(switch)  # type: ignore[arg-type]
    first.tick(hub.later(seconds=1))
    first.tick(hub.later(seconds=11))
    assert len(hub.outside.sent) == 1
    first.close()
    second = hub.notifier(switch)  # type: ignore[arg-type]
    second.tick(hub.later(seconds=1))
    second.tick(hub.later(seconds=11))
    assert len(hub.outside.sent) == 1
    second.tick(hub.later(seconds=300))

    assert [one.to for one in hub.outside.sent] == ["", "zhang_san"]


def test_a_try_without_outcome_goes_again_marked(hub: NotifyHub, switch: Switch) -> None:
    """As one leaves it that died while the channel was asked."""
    switch.is_away = True
    first = hub.notifier(switch)  # type: ignore[arg-type]
    first.tick(hub.later(seconds=1))
    first.tick(hub.later(seconds=11))
    first.close()
    path = hub.home / "notify-away.json"
    document = json.loads(path.read_text("utf-8"))
    document["messages"][0] |= {"sent_at": "", "sending": True}
    path.write_text(json.dumps(document), "utf-8")
    hub.notifier(switch).tick(hub.later(seconds=1))  # type: ignore[arg-type]

    assert hub.outside.sent[1].message.title.startswith("【重发】")


def test_the_next_way_is_taken_here_too(hub: NotifyHub, switch: Switch) -> None:
    switch.is_away = True
    hub.outside.broken["bot"] = Failure.CREDENTIALS
    notifier = hub.notifier(switch)  # type: ignore[arg-type]
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(seconds=11))

    assert [one.channel for one in hub.outside.sent] == ["ding"]


def test_of_two_notifiers_of_a_machine_one_tells(hub: NotifyHub, switch: Switch) -> None:
    switch.is_away = True
    both = [hub.notifier(switch), hub.notifier(switch)]  # type: ignore[arg-type]
    for _ in range(3):
        now = hub.later(seconds=11)
        for one in both:
            one.tick(now)

    assert len(hub.outside.sent) == 1


def test_a_read_only_database_is_told_in_words(
    hub: NotifyHub, engine: sa.Engine, database_url: str
) -> None:
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    name = engine.url.database
    admin = make_engine(database_url).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    admin.dispose()
    engine.dispose()
    notifier.close()
    fresh = make_engine(database_url)
    notifier = hub.notifier(fresh)
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(seconds=11))
    notifier.close()
    fresh.dispose()

    assert "只读" in hub.outside.sent[0].message.lines[0]


def test_a_home_that_cannot_be_written_keeps_nobody_from_telling(
    hub: NotifyHub, switch: Switch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    hub = replace(hub, home=tmp_path / "file" / "home", notifiers=[])
    switch.is_away = True
    notifier = hub.notifier(switch)  # type: ignore[arg-type]
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(seconds=11))
    notifier.tick(hub.later(seconds=1))
    hub.close()

    assert len(hub.outside.sent) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"since": "x", "is_read_only": 0, "messages": []}']
)
def test_a_file_that_cannot_be_read_is_as_none(hub: NotifyHub, switch: Switch, text: str) -> None:
    hub.home.mkdir()
    (hub.home / "notify-away.json").write_text(text)
    switch.is_away = True
    notifier = hub.notifier(switch)  # type: ignore[arg-type]
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(seconds=11))

    assert len(hub.outside.sent) == 1
