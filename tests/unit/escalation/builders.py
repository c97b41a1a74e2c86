"""A valid policy and alert, with what a test wants changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hub.escalation.due import due_messages
from hub.escalation.model import Alert, Due, Policy, Silence, Step, Told
from hub.model.calendar import SHANGHAI

# The night of the founding story: a payload gained a required field on a holiday.
NIGHT = datetime(2026, 2, 17, 21, 14, tzinfo=SHANGHAI)
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=SHANGHAI)
CLIMB = (
    Step("group", timedelta(0)),
    Step("owner", timedelta(minutes=5)),
    Step("manager", timedelta(minutes=15)),
)
POLICY = Policy(
    steps={"critical": CLIMB, "warning": CLIMB[:1], "info": ()},
    recipients=frozenset({"ops", "zhang_san", "boss", "clinic_ops", "night"}),
    roles={"group": "ops", "owner": "zhang_san", "manager": "boss"},
    repeat=timedelta(minutes=30),
    settle=timedelta(minutes=10),
)


def an_alert(**changed: Any) -> Alert:
    given = Alert(
        id=7,
        dedupe_key="drift:douyin-main",
        severity="critical",
        summary="source douyin-main: a new required field",
        action="hub drift list",
        first_at=NOON,
        last_at=NOON,
    )
    return replace(given, **changed)


def a_policy(**changed: Any) -> Policy:
    return replace(POLICY, **changed)


def after(minutes: float, since: datetime = NOON) -> datetime:
    return since + timedelta(minutes=minutes)


class Teller:
    """Keeps what was told, as the store does: a message that exists is not made again."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.silences: Sequence[Silence] = ()
        self.told: list[Told] = []

    def tick(self, alert: Alert, now: datetime) -> list[tuple[str, str]]:
        """Tell what is due; (event, recipient) of each message."""
        return [(str(one.event), one.recipient) for one in self.due(alert, now)]

    def due(self, alert: Alert, now: datetime) -> list[Due]:
        """Tell what is due."""
        due = due_messages(alert, self.told, self.policy, self.silences, now)
        self.told += [
            Told(one.alert, one.event, one.step, one.recipient, one.severity, now) for one in due
        ]
        return due
