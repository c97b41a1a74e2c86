"""What the doctor says, where he looks, and how he never waits long or raises."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from hub.errors import HubError
from hub.settings import HubSettings, home

LOOK_WITHIN_S = 8.0


class Health(StrEnum):
    """How bad a finding is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was seen, and what to do if it is not good."""

    what: str
    health: Health
    seen: str
    mend: str = ""


def good(what: str, seen: str) -> Finding:
    """Nothing to do."""
    return Finding(what, Health.GOOD, seen)


def warning(what: str, seen: str, mend: str) -> Finding:
    """Something to see to before it is bad."""
    return Finding(what, Health.WARNING, seen, mend)


def bad(what: str, seen: str, mend: str) -> Finding:
    """Something that does not work."""
    return Finding(what, Health.BAD, seen, mend)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the doctor looks. `ask_address` is who says from which address we reach the world, "" for nobody."""

    settings: HubSettings
    home: Path = field(default_factory=home)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    offline: bool = False
    ask_address: str = ""

    @property
    def now(self) -> datetime:
        """The current instant of our own clock, aware."""
        return self.clock()


Look = Callable[[], Iterable[Finding]]


def looked(what: str, look: Look, *, within_s: float = LOOK_WITHIN_S) -> list[Finding]:
    """What one look found. One that fails, or does not end in time, is a finding itself."""
    found: queue.SimpleQueue[list[Finding]] = queue.SimpleQueue()
    # A daemon: a look that hangs must not hold up the end of the process.
    threading.Thread(target=lambda: found.put(_found(what, look)), daemon=True).start()
    try:
        return found.get(timeout=within_s)
    except queue.Empty:
        return [
            bad(what, f"no answer within {within_s:.0f} s", "look at the network and the disk")
        ]


def _found(what: str, look: Look) -> list[Finding]:
    try:
        return list(look())
    except HubError as error:
        return [bad(what, str(error), "correct what the text names")]
    except Exception as error:  # noqa: BLE001 -- a doctor who falls ill tells it as a finding
        return [bad(what, f"could not be looked at ({type(error).__name__})", "report this")]
