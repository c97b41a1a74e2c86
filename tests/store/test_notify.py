"""Alerts reach people: over the first way that works, once, climbing until somebody takes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.alerts.messages import Waiting
from hub.alerts.notices import add_notice
from hub.alerts.reading import open_alerts
from hub.alerts.tables import alert, attempt, message, notice
from hub.channels.base import Failure, Outgoing
from hub.database.engine import make_engine
from hub.escalation.model import Alert, Silence
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.alerting.desk import acknowledge_by_name, end_silence, silence_alerts
from hub.steps.alerting.wording import Wording
from tests.store.notify_hub import ALERTS, NotifyHub

pytestmark = pytest.mark.postgres


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing, tmp_path: Path) -> Iterator[NotifyHub]:
    settings = HubSettings.model_validate({"alerts": ALERTS})
    made = NotifyHub(engine, keyring, tmp_path / "home", settings)
    yield made
    made.close()


def with_alerts(hub: NotifyHub, **changes: Any) -> None:
    hub.settings = HubSettings.model_validate({"alerts": {**ALERTS, **changes}})


def test_an_alert_reaches_the_group_once_with_its_link(hub: NotifyHub) -> None:
    number = hub.open()
    notifier = hub.notifier()
    for _ in range(3):
        notifier.tick(hub.later(seconds=1))

    (sent,) = hub.outside.sent
    assert sent.channel == "bot"
    assert f"/alerts/{number}/" in sent.message.link
    assert "未对平" in "".join(sent.message.lines)
    assert hub.rows()[0].sent_via == "bot"


def test_a_storm_of_records_is_one_message(hub: NotifyHub) -> None:
    for _ in range(50):
        hub.open(key="drift:d1", severity="warning", count=200)
    hub.notifier().tick(hub.later(seconds=1))

    (sent,) = hub.outside.sent
    assert "10000" in "".join(sent.message.lines).replace(",", "")


def test_it_climbs_and_stops_when_somebody_takes_it(hub: NotifyHub, engine: sa.Engine) -> None:
    number = hub.open()
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(seconds=301))
    assert [(one.channel, one.to) for one in hub.outside.sent] == [
        ("bot", ""),
        ("app", "zhang_san"),
    ]
    assert acknowledge_by_name(engine, number, "ops", hub.clock)
    assert not acknowledge_by_name(engine, number, "somebody", hub.clock)
    for _ in range(4):
        notifier.tick(hub.later(hours=1))

    told = [(row.event, row.recipient) for row in hub.rows()]
    assert told[2:] == [("acknowledged", "ops"), ("acknowledged", "growth")]
    assert "li_si" not in [one.to for one in hub.outside.sent]


def test_a_channel_that_fails_is_passed_over_and_tried_again_later(hub: NotifyHub) -> None:
    hub.outside.broken["bot"] = Failure.AWAY
    hub.open()
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    hub.open(key="gate:second")
    notifier.tick(hub.later(seconds=1))
    assert [one.channel for one in hub.outside.sent] == ["ding", "ding"]
    assert hub.outside.asked.count("bot") == 1, "a channel that failed rests"
    del hub.outside.broken["bot"]
    hub.open(key="gate:third")
    notifier.tick(hub.later(seconds=16))

    assert hub.outside.sent[-1].channel == "bot"


def test_what_nobody_takes_is_tried_with_growing_pauses_then_given_up(hub: NotifyHub) -> None:
    with_alerts(hub, repeat_s=7 * 86_400, escalation={"critical": [{"to": "group"}]})
    hub.outside.broken |= {"bot": Failure.AWAY, "ding": Failure.AWAY}
    hub.open()
    notifier = hub.notifier()
    tries = []
    for _ in range(0, 3600, 15):
        notifier.tick(hub.later(seconds=15))
        tries.append(hub.outside.asked.count("bot"))
    assert tries[0] == 1
    assert 12 <= tries[-1] <= 20, "15 s, 30 s, … 5 min"
    notifier.tick(hub.later(hours=24))
    row = hub.rows()[0]

    assert row.given_up_at is not None
    assert "24 hours" in row.failure
    assert "alerts.channels" in row.failure


def test_a_wrong_key_is_an_alert_of_its_own_over_the_other_channels(
    hub: NotifyHub, engine: sa.Engine
) -> None:
    hub.outside.broken["bot"] = Failure.CREDENTIALS
    hub.open()
    notifier = hub.notifier()
    for _ in range(30):
        notifier.tick(hub.later(seconds=20))
    keys = [row.message.facts.get("key") for row in hub.outside.sent]
    assert keys.count("channel:bot") == keys.count("gate:shop") > 0
    with engine.connect() as conn:
        (found,) = open_alerts(conn, "channel:")
    assert found["action"] == "hub alerts test bot"
    assert found["summary"].startswith("alerts.channels.bot")
    hub.outside.broken.clear()
    hub.open(key="gate:second")
    notifier.tick(hub.later(minutes=6))
    notifier.tick(hub.later(minutes=6))

    with engine.connect() as conn:
        assert not open_alerts(conn, "channel:"), "it works again"


def test_an_unknown_member_does_not_stop_the_channel(hub: NotifyHub, engine: sa.Engine) -> None:
    hub.outside.broken["app"] = Failure.ADDRESS
    hub.open()
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(seconds=301))
    assert [one.channel for one in hub.outside.sent] == ["bot", "bot"], "growth over the bot"
    with engine.connect() as conn:
        (found,) = open_alerts(conn, "channel:")

    assert found["dedupe_key"] == "channel:app:growth"


def test_five_hundred_alerts_are_a_few_messages_and_a_digest(hub: NotifyHub) -> None:
    for n in range(500):
        hub.open(key=f"drift:d{n}", severity="critical" if n < 5 else "warning")
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    sent = hub.outside.by("bot")
    assert len(sent) == 6
    assert [one.severity for one in sent[:5]] == ["critical"] * 5
    assert sent[-1].facts["count"] == 495
    for n in range(40):
        hub.open(key=f"gate:g{n}")
        notifier.tick(hub.later(seconds=1))

    assert len(hub.outside.by("bot")) <= 15, "the rate of the channel is kept within a minute"
    assert all(row.sent_at for row in hub.rows() if row.recipient == "ops" and row.id <= 500)


def test_the_rate_is_remembered_by_the_next_notifier(hub: NotifyHub) -> None:
    notifier = hub.notifier()
    for n in range(15):
        hub.open(key=f"gate:g{n}")
        notifier.tick(hub.later(seconds=1))
    assert len(hub.outside.sent) == 15
    notifier.close()
    hub.open(key="gate:last")
    hub.notifier().tick(hub.later(seconds=1))
    assert len(hub.outside.sent) == 15
    hub.notifiers[-1].tick(hub.later(seconds=61))

    assert len(hub.outside.sent) == 16


def test_of_two_notifiers_one_works_and_the_other_takes_over(
    hub: NotifyHub, database_url: str
) -> None:
    hub.open()
    other_engine = make_engine(database_url)
    first, second = hub.notifier(), hub.notifier(other_engine)
    now = hub.later(seconds=1)
    first.tick(now)
    second.tick(now)
    assert (first.is_leading, second.is_leading) == (True, False)
    assert len(hub.outside.sent) == 1
    first.close()
    hub.open(key="gate:second")
    second.tick(hub.later(seconds=1))
    second.close()
    other_engine.dispose()

    assert len(hub.outside.sent) == 2


def test_a_try_without_outcome_goes_again_marked(hub: NotifyHub, engine: sa.Engine) -> None:
    """As a notifier leaves it that died between asking the channel and writing down the answer."""
    hub.open()
    hub.notifier().tick(hub.later(seconds=1))
    with engine.begin() as conn:
        conn.execute(sa.update(message).values(sent_at=None, sent_via=None))
        conn.execute(sa.update(attempt).values(ended_at=None))
    hub.notifiers[0].close()
    hub.notifier().tick(hub.later(seconds=1))

    first, again = hub.outside.sent
    assert not first.message.title.startswith("【重发】")
    assert again.message.title.startswith("【重发】")
    assert hub.rows()[0].is_repeat


def test_what_closed_before_it_was_sent_is_told_to_nobody(hub: NotifyHub) -> None:
    hub.outside.broken |= {"bot": Failure.AWAY, "ding": Failure.AWAY}
    hub.open()
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    hub.end()
    hub.outside.broken.clear()
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(minutes=10))

    assert hub.outside.sent == []
    assert all(row.given_up_at for row in hub.rows())


def test_the_end_is_told_once_to_those_who_were_told(hub: NotifyHub, engine: sa.Engine) -> None:
    hub.open()
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    hub.later(seconds=5)
    hub.end()
    for _ in range(3):
        notifier.tick(hub.later(seconds=1))

    assert [one.message.facts["event"] for one in hub.outside.sent] == ["opened", "closed"]
    assert hub.outside.sent[1].message.link == ""
    with engine.connect() as conn:
        assert conn.execute(sa.select(alert.c.settled_at)).scalar_one() is not None


def test_a_silence_holds_and_lets_go(hub: NotifyHub, engine: sa.Engine) -> None:
    wanted = Silence("gate:*", hub.clock + timedelta(hours=2))
    number, _ = silence_alerts(engine, wanted, reason="planned", who="ops", now=hub.clock)
    hub.open()
    hub.open(key="drift:d1")
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    assert [one.message.facts["key"] for one in hub.outside.sent] == ["drift:d1"]
    end_silence(engine, number, "ops", hub.later(minutes=1))
    notifier.tick(hub.later(seconds=1))

    assert [one.message.facts["key"] for one in hub.outside.sent] == ["drift:d1", "gate:shop"]


def test_an_end_within_a_silence_is_told_when_the_silence_is_over(
    hub: NotifyHub, engine: sa.Engine
) -> None:
    hub.open()
    hub.open(key="disk:home")
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    wanted = Silence("*", hub.clock + timedelta(hours=2))
    silence_alerts(engine, wanted, reason="planned", who="ops", now=hub.clock)
    hub.open(key="queue-age")
    hub.end()
    hub.end("queue-age")
    notifier.tick(hub.later(minutes=1))
    assert told(hub, "closed") == []
    with engine.connect() as conn:
        open_or_untold = conn.execute(
            sa.select(alert.c.dedupe_key).where(alert.c.settled_at.is_(None)).order_by(alert.c.id)
        )
        assert list(open_or_untold.scalars()) == ["gate:shop", "disk:home"]

    notifier.close()
    hub.notifier().tick(hub.later(hours=3))  # one that starts anew knows it, too
    assert told(hub, "closed") == ["gate:shop"]


def told(hub: NotifyHub, event: str) -> list[object]:
    """Keys of the alerts of which this was sent."""
    facts = [one.message.facts for one in hub.outside.sent]
    return [one["key"] for one in facts if one["event"] == event]


def test_a_reader_of_chinese_reads_chinese_and_machines_the_facts(hub: NotifyHub) -> None:
    hub.open(key="queue-age", facts={"age": 720})
    hub.notifier().tick(hub.later(seconds=1))
    (sent,) = hub.outside.sent

    assert sent.message.lines[0] == "发生：队列中最早的线索已等待 12 分钟"
    assert "处理：hub doctor；若加载进程都在，再启动一个：hub work" in sent.message.lines
    assert sent.message.facts["facts"] == {"age": 720}
    assert sent.message.facts["summary"] == "the oldest lead in the queue has waited for 12 min"


def test_quiet_hours_hold_what_is_not_critical(hub: NotifyHub) -> None:
    hub.clock = hub.clock.replace(hour=16) + timedelta(days=1)  # midnight in Shanghai
    with_alerts(hub, quiet={"start": "22:00", "end": "08:00"})
    hub.open(key="drift:d1", severity="warning")
    hub.open()
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    assert [one.message.facts["key"] for one in hub.outside.sent] == ["gate:shop"]
    notifier.tick(hub.later(hours=9))

    keys = [one.message.facts["key"] for one in hub.outside.sent if one.to == ""]
    assert "drift:d1" in keys


def test_a_clock_that_jumps_neither_silences_nor_repeats(hub: NotifyHub) -> None:
    hub.open()
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    hub.later(hours=-1)
    hub.open(key="gate:second")
    notifier.tick(hub.clock)
    notifier.tick(hub.later(seconds=1))
    notifier.tick(hub.later(hours=2))
    opened = [
        one.message.facts["key"]
        for one in hub.outside.sent
        if one.message.facts["event"] == "opened"
    ]
    told = [(one.to, *_of(one.message)) for one in hub.outside.sent]

    assert opened == ["gate:shop", "gate:second"]
    assert len(told) == len(set(told))


def test_a_message_that_waits_survives_a_clock_set_back(hub: NotifyHub) -> None:
    hub.outside.broken |= {"bot": Failure.AWAY, "ding": Failure.AWAY}
    hub.open()
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    hub.outside.broken.clear()
    notifier.tick(hub.later(hours=-1))

    assert hub.outside.sent[0].channel == "bot"
    assert all(row.sent_at for row in hub.rows())


def test_a_worse_alert_is_told_anew_and_has_to_be_taken_anew(
    hub: NotifyHub, engine: sa.Engine
) -> None:
    number = hub.open(severity="warning")
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    acknowledge_by_name(engine, number, "ops", hub.clock)
    notifier.tick(hub.later(seconds=1))
    hub.open(severity="critical")
    notifier.tick(hub.later(seconds=1))
    assert acknowledge_by_name(engine, number, "ops", hub.clock)
    notifier.tick(hub.later(seconds=1))

    events = [one.message.facts["event"] for one in hub.outside.sent]
    assert events == ["opened", "acknowledged", "worsened", "acknowledged"]


def test_a_change_notice_reaches_the_merchants_group_once(
    hub: NotifyHub, engine: sa.Engine
) -> None:
    with engine.begin() as conn:
        add_notice(
            conn, merchant="default", title="字段变更须知", body="新增 用户抖音号\n请更新话术",
            findings=["d1"], written_by="ops",
        )  # fmt: skip
    notifier = hub.notifier()
    for _ in range(3):
        notifier.tick(hub.later(seconds=1))
    with engine.connect() as conn:
        delivered = conn.execute(sa.select(notice.c.delivered_at)).scalar_one()

    assert [one.message.title for one in hub.outside.sent] == ["字段变更须知"]
    assert delivered is not None


def test_what_cannot_be_put_into_words_keeps_back_nothing_else(
    hub: NotifyHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.open(key="gate:odd")
    hub.open()
    worded = Wording.alone

    def alone(self: Wording, one: Alert, waiting: Waiting) -> Outgoing:
        if one.dedupe_key == "gate:odd":
            raise KeyError("odd")
        return worded(self, one, waiting)

    monkeypatch.setattr(Wording, "alone", alone)
    hub.notifier().tick(hub.later(seconds=1))
    odd, told = hub.rows()

    assert "words" in odd.failure
    assert told.sent_via == "bot"


def test_ten_thousand_open_alerts_cost_little_once_told(hub: NotifyHub, engine: sa.Engine) -> None:
    _fill(engine, 10_000, is_closed=False)
    notifier = hub.notifier()
    for _ in range(3):
        notifier.tick(hub.later(seconds=61))
    assert {row.sent_via for row in hub.rows()} == {"bot"}
    assert len(hub.outside.sent) < 60
    started = time.perf_counter()
    notifier.tick(hub.later(seconds=1))
    print(f"10,000 open alerts: {1000 * (time.perf_counter() - started):.0f} ms a tick")  # noqa: T201 -- a figure


def test_closed_alerts_cost_nothing(hub: NotifyHub, engine: sa.Engine) -> None:
    _fill(engine, 100_000, is_closed=True)
    notifier = hub.notifier()
    notifier.tick(hub.later(seconds=1))
    hub.open()
    started = time.perf_counter()
    for _ in range(20):
        notifier.tick(hub.later(seconds=1))
    spent_ms = 1000 * (time.perf_counter() - started) / 20
    print(f"100,000 closed alerts: {spent_ms:.1f} ms a tick")  # noqa: T201 -- a figure
    with engine.connect() as conn:
        rows = conn.execute(
            sa.text("EXPLAIN SELECT id FROM alerts.alert WHERE settled_at IS NULL ORDER BY id")
        ).scalars()
        plan = "\n".join(rows)

    assert "alert_unsettled" in plan
    assert len(hub.outside.sent) == 1


def _of(message: Outgoing) -> tuple[object, ...]:
    return tuple(message.facts[name] for name in ("key", "event", "step"))


def _fill(engine: sa.Engine, count: int, *, is_closed: bool) -> None:
    ended = "now()" if is_closed else "NULL"
    with engine.begin() as conn:
        conn.exec_driver_sql(
            "INSERT INTO alerts.alert (dedupe_key, severity, summary, action, closed_at, settled_at)"  # noqa: S608 -- ours
            f" SELECT 'drift:' || n, 'warning', 'x', 'hub drift list', {ended}, {ended}"
            f" FROM generate_series(1, {count}) n"
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("ANALYZE alerts.alert")


def test_a_storm_of_warnings_leaves_room_for_what_is_critical(hub: NotifyHub) -> None:
    notifier = hub.notifier()
    for n in range(40):
        hub.open(key=f"drift:d{n}", severity="warning")
        notifier.tick(hub.later(seconds=1))
    before = len(hub.outside.by("bot"))
    hub.open(key="gate:shop")
    notifier.tick(hub.later(seconds=1))

    assert hub.outside.by("bot")[before].severity == "critical"
