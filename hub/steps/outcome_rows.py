"""What a batch decided, as rows of the inbox and of the windows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hub.inbox.records import HeldRecord
from hub.model.outcome import Outcome
from hub.ops.windows import WindowCounts
from hub.steps.prepare import Work


def held_row(work: Work, now: datetime) -> HeldRecord:
    """Why a record waits."""
    return HeldRecord(
        work.record_id, work.merchant, work.source_key, work.entity, work.reason, work.path,
        work.detail, work.mapping, now, work.finding,
    )  # fmt: skip


def window_counts(works: Sequence[Work], now: datetime) -> list[WindowCounts]:
    """What a batch decided, by merchant, source and mapping version, with the latency of live records."""
    windows: dict[tuple[str, str, str], WindowCounts] = {}
    for work in works:
        if work.outcome == Outcome.ERASED:  # nothing came of it that anybody may count as a lead
            continue
        key = (work.merchant, work.source_key, work.mapping or "")
        window = windows.get(key)
        if window is None:
            window = windows[key] = WindowCounts(*key)
        latency = (now - work.received_at).total_seconds() * 1000 if work.live else None
        window.add(work.outcome, latency)
    return list(windows.values())
