"""A notifier on a real database, with channels that only remember."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.alert_settings import ChannelSettings
from hub.alerts.outbox import close_alert
from hub.alerts.tables import alert, message
from hub.channels.base import ChannelError, Failure, Outgoing
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.alerting.notifier import Notifier
from tests.some_alert import raise_some

ALERTS: Mapping[str, Any] = {
    "channels": {
        "bot": {"kind": "wecom_bot", "key_env": "HUB_TEST_BOT"},
        "app": {"kind": "wecom_app", "key_env": "HUB_TEST_APP", "corp_id": "ww1", "agent_id": 7},
        "ding": {"kind": "dingtalk", "key_env": "HUB_TEST_DING"},
    },
    "recipients": {
        "ops": {"reach": [{"via": "bot"}, {"via": "ding"}]},
        "growth": {"reach": [{"via": "app", "to": "zhang_san"}, {"via": "bot"}]},
        "boss": {"reach": [{"via": "app", "to": "li_si"}]},
    },
    "roles": {"group": "ops", "owner": "growth", "manager": "boss"},
}


@dataclass
class Sent:
    """What a channel took."""

    channel: str
    to: str
    message: Outgoing


@dataclass
class Outside:
    """All channels; `broken` ones fail so."""

    sent: list[Sent] = field(default_factory=list)
    broken: dict[str, Failure] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def open(self, name: str, _settings: ChannelSettings, _env: Mapping[str, str]) -> Remembering:
        return Remembering(name, self)

    def by(self, channel: str) -> list[Outgoing]:
        return [one.message for one in self.sent if one.channel == channel]


@dataclass
class Remembering:
    """One channel of an `Outside`."""

    name: str
    outside: Outside

    def send(self, message: Outgoing, to: str = "") -> None:
        self.outside.asked.append(self.name)
        if self.name in self.outside.broken:
            failure = self.outside.broken[self.name]
            raise ChannelError(failure, f"alerts.channels.{self.name}: {failure.value}")
        self.outside.sent.append(Sent(self.name, to, message))

    def close(self) -> None:
        """Nothing to let go."""


@dataclass
class NotifyHub:
    """The store and what is outside; `clock` starts where the database's does and moves by hand."""

    engine: sa.Engine
    keyring: KeyRing
    home: Path
    settings: HubSettings
    outside: Outside = field(default_factory=Outside)
    clock: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(seconds=1))
    notifiers: list[Notifier] = field(default_factory=list)

    def notifier(self, engine: sa.Engine | None = None) -> Notifier:
        made = Notifier(
            engine or self.engine, self.settings, self.keyring,
            home=self.home, environment={}, opener=self.outside.open,
        )  # fmt: skip
        self.notifiers.append(made)
        return made

    def close(self) -> None:
        for one in self.notifiers:
            one.close()

    def later(self, **span: float) -> datetime:
        self.clock += timedelta(**span)
        return self.clock

    def open(self, key: str = "gate:shop", severity: Any = "critical", **words: Any) -> int:
        """Raise an alert as of `clock`; its number."""
        with self.engine.begin() as conn:
            raise_some(conn, key, severity, **words)
            row = conn.execute(
                sa.update(alert)
                .where(alert.c.dedupe_key == key, alert.c.closed_at.is_(None), alert.c.count == 1)
                .values(first_at=self.clock, last_at=self.clock)
                .returning(alert.c.id)
            ).first()
        return row.id if row else 0

    def end(self, key: str = "gate:shop") -> None:
        with self.engine.begin() as conn:
            close_alert(conn, key)
            conn.execute(
                sa.update(alert).where(alert.c.closed_at.is_not(None)).values(closed_at=self.clock)
            )

    def rows(self) -> list[Any]:
        with self.engine.connect() as conn:
            return list(conn.execute(sa.select(message).order_by(message.c.id)))
