"""The words of escalation: alerts as they are now, what was told about them, what has to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Literal

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")  # the mildest first
Days = Literal["all", "workdays", "days_off"]
Language = Literal["zh", "en"]


class Event(StrEnum):
    """What a message tells. One message for each event, step and recipient."""

    OPENED = "opened"  # the first step
    WORSENED = "worsened"  # a higher severity than was told; the climb begins anew
    CLIMBED = "climbed"  # a later step: nobody acknowledged
    REPEATED = "repeated"  # the last step again
    ACKNOWLEDGED = "acknowledged"  # somebody has taken it; to all who were told
    CLOSED = "closed"  # over; to all who were told


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it is now. Nothing in it is personal data.

    `facts` are what `summary` and `action` were made of: figures, names of things, instants as ISO text.

    `acknowledged_at` counts for the severity that it has now: one that worsens is to be acknowledged
    anew. `before` and `told_before` are about earlier alerts of the same key that somebody was told
    of: when the last of them closed, and when somebody was last told that one had opened.
    """

    id: int
    dedupe_key: str
    severity: Severity
    summary: str
    action: str
    first_at: datetime
    last_at: datetime
    merchant: str | None = None
    owner: str | None = None
    count: int = 1
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    closed_at: datetime | None = None
    before: datetime | None = None
    told_before: datetime | None = None
    facts: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def kind(self) -> str:
        """What it is about: the first part of its key; an entry of the runbook."""
        return self.dedupe_key.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Told:
    """A message that exists, sent or on its way. What is alike in all but `at` is the same message."""

    alert: int
    event: Event
    step: int
    recipient: str
    severity: Severity
    at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A message that has to exist. It goes out at `not_before` at the earliest (quiet hours).

    `step` counts from 0; that of a `REPEATED` one says which repeat it is, from 1.
    """

    alert: int
    event: Event
    step: int
    recipient: str
    severity: Severity
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told when nobody acknowledged for `after`; `to` is a role or a recipient."""

    to: str
    after: timedelta


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on duty: kind of the day on which it starts, local hours.

    `end` before `start` is past midnight; `start` = `end` is a whole day from that hour.
    """

    who: str
    days: Days = "all"
    start: time = time(0)
    end: time = time(0)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Local hours in which only what is critical goes out; `start` = `end`: none but days off."""

    start: time
    end: time
    days_off: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts whose key fits `pattern` (`*` stands for anything) are not told until `until`.

    One that has ended (`until` is then when it really ended) still counts: what it held back
    climbs from there.
    """

    pattern: str
    until: datetime
    merchant: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How alerts climb. `roles` name recipients, a merchant's own as `group@merchant`."""

    steps: Mapping[Severity, tuple[Step, ...]]
    recipients: frozenset[str]
    roles: Mapping[str, str]
    repeat: timedelta
    settle: timedelta
    duty: tuple[Duty, ...] = ()
    quiet: Quiet | None = None
