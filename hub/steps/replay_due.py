"""Level-triggered replay: what is held or marked under a version that is not live goes into the replay lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from hub.inbox import marks

AT_ONCE = 100


def requeue_due(
    conn: psycopg.Connection[Any],
    live_name: Callable[[str, str, str], str | None],
    *,
    limit: int = AT_ONCE,
) -> int:
    """Put up to `limit` records back into the queue that another version than the live one tried.

    `live_name(merchant, source_key, entity)` is the version that is live for those records, None if none is.
    Safe to call at any time by anybody: a record is taken out of where it stood in the same transaction.
    """
    moved = 0
    for group in marks.find_stale(conn):
        live = live_name(group.merchant, group.source_key, group.entity)
        if live is None or live == group.mapping_version:
            continue
        if group.held and moved < limit:
            moved += marks.requeue_held(conn, group, limit - moved)
        if group.marked and moved < limit:
            moved += marks.requeue_marked(conn, group, limit - moved)
    return moved
