"""A notifier dies in the worst moment: what it had to tell is told all the same, at worst twice and then marked."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.alerts.tables import message
from hub.ops.heartbeats import beats
from hub.privacy.keyring import new_keys
from tests.e2e.alerts_story import Notifiers, Outside, wait_for, write_settings
from tests.e2e.hub_processes import wait_until
from tests.some_alert import raise_some

pytestmark = [pytest.mark.postgres]
REPEATED = "【重发】"


@pytest.fixture
def outside() -> Iterator[Outside]:
    made = Outside()
    made.start()
    yield made
    made.close()


@pytest.fixture
def notifiers(outside: Outside, database_url: str, tmp_path: Path) -> Iterator[Notifiers]:
    home = tmp_path / "home"
    home.mkdir()
    # Of the group alone, which has no second channel: nobody else may tell in its place.
    alerts = outside.alerts() | {"escalation": {"critical": [{"to": "group"}]}}
    alerts["recipients"]["ops"]["reach"] = [{"via": "ops_bot"}]
    alerts["channels"]["ops_bot"]["timeout_s"] = 60
    write_settings(home / "hub.yaml", "", alerts)
    environment = {
        **os.environ,
        **outside.environment,
        "HUB_HOME": str(home),
        "HUB_CONFIG": str(home / "hub.yaml"),
        "HUB_DATABASE_URL": database_url,
        "HUB_KEYS": json.dumps(new_keys()),
    }
    made = Notifiers(home, environment)
    yield made
    made.close()


def raise_one(engine: sa.Engine, key: str = "gate:shop") -> None:
    with engine.begin() as conn:
        raise_some(conn, key)


def the_row(engine: sa.Engine) -> Any:
    with engine.connect() as conn:
        return conn.execute(sa.select(message)).one()


def lives(engine: sa.Engine) -> int:
    with engine.connect() as conn:
        return len(beats(conn, "notifier"))


def about_gate(outside: Outside) -> list[str]:
    return [text for text in outside.texts()["bot"] if "未对平" in text]


def test_killed_while_the_channel_is_asked_it_is_told_again_and_marked(
    notifiers: Notifiers, outside: Outside, engine: sa.Engine
) -> None:
    outside.bot.fail_with("hang")
    notifiers.start()
    raise_one(engine)
    wait_until("the question", lambda: outside.bot.asked)
    notifiers.kill()
    row = the_row(engine)
    assert (row.sending_at is not None, row.sent_at) == (True, None)
    outside.bot.fail_with(None)
    notifiers.start("two")
    text, _ = wait_for("the repeat", lambda: about_gate(outside))
    wait_until("the record", lambda: the_row(engine).sent_at)

    assert REPEATED in text
    assert len(about_gate(outside)) == 1
    assert the_row(engine).is_repeat


def test_killed_before_the_channel_is_asked_it_is_told_once(
    notifiers: Notifiers, outside: Outside, engine: sa.Engine
) -> None:
    notifiers.start()
    wait_until("a sign of life", lambda: lives(engine))
    notifiers.kill()
    raise_one(engine)
    notifiers.start("two")
    text, _ = wait_for("the message", lambda: about_gate(outside))
    wait_until("the record", lambda: the_row(engine).sent_at)

    assert REPEATED not in text
    assert len(about_gate(outside)) == 1
    assert notifiers.end("two") == 0
    assert lives(engine) == 1, "the killed one; the other ended in good order"


def test_the_one_that_stands_by_takes_over(
    notifiers: Notifiers,
    outside: Outside,
    engine: sa.Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    notifiers.start("one")
    raise_one(engine)
    wait_for("the first message", lambda: about_gate(outside))
    notifiers.start("two")
    notifiers.wait_running("two")
    notifiers.kill("one")
    killed_at = time.time()
    raise_one(engine, "gate:other")
    _, told_at = wait_for("the second message", lambda: about_gate(outside)[1:])
    with capsys.disabled():
        print(f"\ntaken over and told after {told_at - killed_at:.2f} s")  # noqa: T201 -- a figure

    assert len(about_gate(outside)) == 2
