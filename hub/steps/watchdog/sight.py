"""What a watch sees, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from hub.alerts.outbox import Severity
from hub.database.vitals import Vitals
from hub.settings import HubSettings


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong now; it is over once the watch no longer says so.

    `facts` are those of `raise_alert`: never personal data.
    """

    key: str
    severity: Severity
    facts: Mapping[str, object]
    merchant: str | None = None
    owner: str | None = None
    count: int = 1


class Memory:
    """Since when something has been so, as far as this process saw."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def lasts(self, what: str, *, is_so: bool, now: datetime) -> timedelta:
        """How long `what` has been so without a break; zero if it is not, or only since this look."""
        if not is_so:
            self._since.pop(what, None)
            return timedelta()
        return now - self._since.setdefault(what, now)


@dataclass(frozen=True, slots=True)
class Sight:
    """One look. `now` is our own clock, `db_now` the database's: instants that it wrote compare with that.

    `is_open` are the open alerts by key; `skew` is how far the database's clock is ahead of ours.
    """

    conn: sa.Connection
    settings: HubSettings
    now: datetime
    db_now: datetime
    skew: timedelta
    vitals: Vitals
    spools: Path
    home: Path
    memory: Memory
    is_open: Mapping[str, sa.RowMapping] = field(default_factory=dict)
