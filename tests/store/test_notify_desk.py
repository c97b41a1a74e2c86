"""`hub alerts`: what is wrong, who was told how, who takes it; every change is audited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from hub.channels.base import Failure
from hub.cli.main import build
from hub.errors import ConfigError
from hub.escalation.model import Silence
from hub.ops.tables import audit
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.alerting.acknowledge import ack_token, is_ack_token
from hub.steps.alerting.desk import seen_alerts, silence_alerts
from tests.store.notify_hub import ALERTS, NotifyHub

pytestmark = pytest.mark.postgres


@pytest.fixture
def hub(
    engine: sa.Engine,
    database_url: str,
    keyring: KeyRing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[NotifyHub]:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    settings = HubSettings.model_validate({"alerts": ALERTS})
    made = NotifyHub(engine, keyring, tmp_path / "home", settings)
    yield made
    made.close()


def run(*command: str, status: int = 0) -> str:
    result = CliRunner().invoke(build("alerts"), ["alerts", *command])
    if isinstance(result.exception, ConfigError):
        assert status == 2
        return str(result.exception)
    assert result.exit_code == status, result.output
    return result.output


def read(*command: str) -> Any:
    return json.loads(run(*command, "--json"))


def audited(engine: sa.Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as conn:
        found = conn.execute(sa.select(audit.c.who, audit.c.action, audit.c.target))
        return [(row.who, row.action, row.target) for row in found]


def test_the_list_has_the_worst_first_and_who_was_told(hub: NotifyHub) -> None:
    hub.open(key="drift:d1", severity="warning", merchant="shop")
    hub.open(key="gate:shop", owner="growth")
    hub.outside.broken["bot"] = Failure.AWAY
    hub.notifier().tick(hub.later(seconds=1))
    hub.open(key="disk:x", severity="warning")
    hub.end("disk:x")

    listed = read("list")
    assert [one["dedupe_key"] for one in listed] == ["gate:shop", "drift:d1"]
    (told,) = listed[0]["messages"]
    assert (told["recipient"], told["sent_via"], told["event"]) == ("ops", "ding", "opened")
    assert [one["state"] for one in read("list", "--all")] == ["open", "open", "closed"]
    assert [one["dedupe_key"] for one in read("list", "--merchant", "shop")] == ["drift:d1"]
    assert "hub export bridge" in run("list").replace("\n", " ")


def test_an_alert_is_shown_in_the_language_that_is_asked_for(hub: NotifyHub) -> None:
    number = str(hub.open(key="queue-age", facts={"age": 720}))
    zh, en = "队列中最早的线索已等待 12 分钟", "the oldest lead in the queue has waited for 12 min"

    assert read("list")[0]["summary"] == read("show", number)["summary"] == zh
    assert read("list", "--language", "en")[0]["summary"] == en
    assert en in run("show", number, "--language", "en")
    assert read("list")[0]["facts"] == {"age": 720}


def test_one_alert_shows_every_try(hub: NotifyHub) -> None:
    number = hub.open()
    hub.outside.broken["bot"] = Failure.CREDENTIALS
    hub.notifier().tick(hub.later(seconds=1))
    shown = read("show", str(number))

    assert [(one["channel"], one["failure"]) for one in shown["tries"]] == [
        ("bot", "credentials"),
        ("ding", None),
    ]
    assert "alerts.channels.bot" in run("show", str(number))


def test_taking_and_silencing_are_audited(hub: NotifyHub, engine: sa.Engine) -> None:
    number = hub.open()
    assert "yours" in run("ack", str(number), "--by", "zhang_san")
    assert "before" in run("ack", str(number), "--by", "li_si")
    run("silence", "gate:*", "--for", "2h", "--reason", "planned", "--by", "zhang_san")
    (silence,) = read("silences")
    run("unsilence", str(silence["id"]), "--by", "li_si")

    assert read("silences") == []
    assert read("list")[0]["acknowledged_by"] == "zhang_san"
    assert audited(engine) == [
        ("zhang_san", "alert acknowledged", str(number)),
        ("zhang_san", "alerts silenced", "gate:*"),
        ("li_si", "silence ended", str(silence["id"])),
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("ack", "77"),
        ("show", "77"),
        ("unsilence", "77"),
        ("silence", "gate:*", "--for", "2x", "--reason", "x"),
        ("silence", "gate:*", "--for", "40d", "--reason", "x"),
        ("silence", "gate:*", "--for", "2h", "--reason", " "),
        ("silence", " ", "--for", "2h", "--reason", "x"),
    ],
)
def test_bad_use_is_said_in_words(hub: NotifyHub, command: tuple[str, ...]) -> None:
    assert run(*command, status=2)


def test_a_silence_says_how_many_it_holds(hub: NotifyHub, engine: sa.Engine) -> None:
    hub.open(key="gate:shop", merchant="shop")
    hub.open(key="gate:other", merchant="other")
    hub.open(key="drift:d1", merchant="shop")
    until = hub.clock + timedelta(hours=1)
    wanted = Silence("gate:*", until, "shop")
    _, held = silence_alerts(engine, wanted, reason="planned", who="ops", now=hub.clock)

    assert held == 1


def test_an_open_alert_stays_listed_while_it_is_silenced(
    hub: NotifyHub, engine: sa.Engine
) -> None:
    wanted = Silence("*", hub.clock + timedelta(hours=1))
    silence_alerts(engine, wanted, reason="planned", who="ops", now=hub.clock)
    hub.open()
    (seen,) = seen_alerts(engine, closed_too=False, merchant=None, limit=10)

    assert seen.state == "open"


def test_a_token_is_of_one_alert_and_one_key_ring(keyring: KeyRing) -> None:
    token = ack_token(keyring, 12)

    assert is_ack_token(keyring, 12, token)
    assert not is_ack_token(keyring, 1, token)
    assert not is_ack_token(keyring, 2, "é")
    assert token != keyring.synthetic_id("12")
