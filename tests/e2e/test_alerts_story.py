"""The e-mail that nobody read on 17 February: the same night with alerts that reach somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from hub.alerts.tables import alert, message
from tests.e2e.alerts_story import (
    LINK,
    STEP_S,
    Notifiers,
    Outside,
    link_of,
    linked,
    said,
    wait_for,
    write_settings,
)
from tests.e2e.founding_story import CONFIG, Length, Story
from tests.e2e.hub_processes import wait_until
from tests.some_alert import raise_some

pytestmark = [pytest.mark.postgres]
TIMED = [
    pytest.param(False, id="short"),
    pytest.param(True, id="within-5-s", marks=pytest.mark.chaos),
]
PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    made = Outside()
    made.start()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def story(outside: Outside, tmp_path: Path) -> Iterator[Story]:
    made = Story(tmp_path, Length(change_at=60, publish_at=0, leads=0), strict=True)
    write_settings(made.hub.config, CONFIG, outside.alerts(), public_url=made.hub.url)
    yield made
    made.close()


@pytest.fixture
def notifiers(story: Story) -> Iterator[Notifiers]:
    made = Notifiers(story.hub.home, story.hub.environment)
    yield made
    made.close()


@pytest.mark.parametrize("is_timed", TIMED)
def test_the_alert_reaches_the_group_climbs_is_taken_and_stops(
    story: Story,
    notifiers: Notifiers,
    outside: Outside,
    capsys: pytest.CaptureFixture[str],
    *,
    is_timed: bool,
) -> None:
    notifiers.start()
    notifiers.wait_running()
    story.begin()

    def about_drift() -> list[str]:
        return [text for text in outside.texts()["bot"] if "drift" in text and linked(text)]

    first, reached_at = wait_for("the bot", about_drift)
    number = linked(first)
    assert number is not None
    _, owner_at = wait_for("the owner", lambda: outside.about("app", number))
    _, manager_at = wait_for("the manager", lambda: outside.about("mail", number))
    changed_at = min(each.sent_at for each in story.changed())
    figures = {
        "bot_after_s": reached_at - changed_at,
        "owner_after_s": owner_at - reached_at,
        "manager_after_s": manager_at - reached_at,
    }
    with (
        capsys.disabled()
    ):  # the figures are what the story is told for; the bound stands in bench
        print(f"\nalert: {said(figures)}")  # noqa: T201 -- see above
    assert reached_at < owner_at < manager_at
    if is_timed:
        assert figures["bot_after_s"] < 5

    take(story, link_of(first), number)
    for channel in ("bot", "app", "mail"):
        wait_for(f"word of it by {channel}", lambda c=channel: taken(outside, c))  # type: ignore[misc]
    climbed = calls(story, number)
    second = raise_second(story)
    wait_for("the second alert's manager", lambda: outside.about("mail", second))

    assert calls(story, number) == climbed, f"{2 * STEP_S} s later nobody else was called"
    everything = [text for texts in outside.texts().values() for text in texts]
    assert all(CHINESE.search(text) for text in everything)
    assert not [text for text in everything if PHONE.search(LINK.sub("", text))]
    assert notifiers.end() == 0


def test_a_bot_that_is_down_is_replaced_by_the_next_channel(
    story: Story, notifiers: Notifiers, outside: Outside
) -> None:
    outside.bot.fail_with("away")
    notifiers.start()
    number = raise_second(story)

    wait_for("钉钉", lambda: outside.about("ding", number))
    assert outside.texts()["bot"] == []


def take(story: Story, link: str, number: int) -> None:
    """Look as link scanners do, then press the button."""

    def is_taken() -> bool:
        with story.engine.connect() as conn:
            found = sa.select(alert.c.acknowledged_at).where(alert.c.id == number)
            return conn.execute(found).scalar_one() is not None

    assert httpx.get(link).status_code == 200
    assert httpx.head(link).status_code == 200
    assert not is_taken()
    assert httpx.post(link, data={"name": "zhang_san"}).status_code == 200
    wait_until("the acknowledgement", is_taken)


def taken(outside: Outside, channel: str) -> list[str]:
    return [text for text in outside.texts()[channel] if "zhang_san" in text and "确认" in text]


def calls(story: Story, number: int) -> list[tuple[str, int, str]]:
    """Who was called about an alert."""
    query = (
        sa.select(message.c.event, message.c.step, message.c.recipient)
        .where(message.c.alert_id == number)
        .where(message.c.event.not_in(["acknowledged", "closed"]))
    )
    with story.engine.connect() as conn:
        return sorted(tuple(row) for row in conn.execute(query))


def raise_second(story: Story) -> int:
    with story.engine.begin() as conn:
        raise_some(conn, "gate:agency", merchant="agency")
        query = sa.select(alert.c.id).where(alert.c.dedupe_key == "gate:agency")
        return int(conn.execute(query).scalar_one())
