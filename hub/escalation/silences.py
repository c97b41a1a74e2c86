"""Which alerts are silenced, and when a silence let go of one: pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hub.escalation.model import Alert, Silence


def fits(silence: Silence, alert: Alert) -> bool:
    """Whether a silence is about an alert: its whole key, `*` for any run of letters, its merchant."""
    of_merchant = silence.merchant is None or silence.merchant == alert.merchant
    return of_merchant and _fits_pattern(silence.pattern, alert.dedupe_key)


def silenced_until(alert: Alert, silences: Sequence[Silence], now: datetime) -> datetime | None:
    """When the last silence in force lets go of an alert; None if it is not silenced now."""
    return max((s.until for s in silences if s.until > now and fits(s, alert)), default=None)


def let_go_at(alert: Alert, silences: Sequence[Silence], now: datetime) -> datetime | None:
    """When the last of the silences that are over let go of an alert; None if none held it."""
    over = (s.until for s in silences if alert.first_at < s.until <= now and fits(s, alert))
    return max(over, default=None)


def _fits_pattern(pattern: str, key: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return key == pattern
    *between, last = rest
    if len(key) < len(first) + len(last) or not (key.startswith(first) and key.endswith(last)):
        return False
    place, end = len(first), len(key) - len(last)
    for part in between:  # the leftmost place for each leaves the most room for the others
        found = key.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True
