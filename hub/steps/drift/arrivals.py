"""When a source's leads come: learned from live deltas, judged for silence and surge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from hub.drift.kinds import Sight, finding_id
from hub.drift.silence import Arrivals
from hub.ops.profiles import StoredArrivals, read_arrivals, write_arrivals
from hub.ops.sightings import ProfileDelta, Sighting


def judge_arrivals(
    conn: sa.Connection, deltas: Sequence[ProfileDelta], now: datetime, *, is_due: bool
) -> list[Sighting]:
    """Learn when leads came; the silences and surges there are now, if it is time to look."""
    if not (deltas or is_due):
        return []
    stored = read_arrivals(conn)
    came: dict[str, list[ProfileDelta]] = defaultdict(list)
    for delta in deltas:
        came[delta.source_key].append(delta)
    changed: list[StoredArrivals] = []
    found: list[Sighting] = []
    for source_key in sorted({*came, *(stored if is_due else ())}):
        row = stored.get(source_key)
        arrivals = Arrivals.from_json(row.body) if row else Arrivals()
        for delta in came[source_key]:
            arrivals.add(delta.taken_at, delta.records)
        merchant = row.merchant if row else came[source_key][0].merchant
        if came[source_key]:
            fresh = StoredArrivals(source_key, merchant, arrivals.as_json(), now)
            changed.append(fresh if row is None else replace(row, body=fresh.body, updated_at=now))
        sight = arrivals.judge(now) if is_due else None
        if sight is not None:
            found.append(_sighting(sight, source_key, merchant, now))
    write_arrivals(conn, changed)
    return found


def _sighting(sight: Sight, source_key: str, merchant: str, now: datetime) -> Sighting:
    name = finding_id(merchant, "", "", sight, source_key)
    return Sighting(
        name, merchant, merchant, "", "", source_key, sight.kind.value, sight.pointer,
        dict(sight.detail), None, 0, 0, now,
    )  # fmt: skip
