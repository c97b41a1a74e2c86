"""Bills by the time they were changed: a window with a frozen end, an overlap behind it.

Cursor: `watermark` (all that was changed up to it is stored) and, inside a window, `resume`: its bounds
and the place that was reached.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.connectors.base import Page, PullRequest
from hub.connectors.kingdee.answers import Rows
from hub.connectors.kingdee.bills import Bill
from hub.connectors.kingdee.client import KingdeeSession
from hub.connectors.kingdee.queries import Place, Query, modified_between
from hub.connectors.kingdee.rows import Line, envelope_of, lines_of, next_place
from hub.errors import PlatformRejectedError
from hub.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class Met:
    """One page of a list: its lines, the body, and where to go on (None behind the last)."""

    lines: list[Line]
    body: bytes
    then: Place | None


async def listed(session: KingdeeSession, query: Query, place: Place) -> AsyncIterator[Met]:
    """The pages of a list from `place` on.

    Raises:
        TransientError, PlatformRejectedError: pages so far stay good; code `endless` beyond `max_pages`.
    """
    at: Place | None = place
    for _ in range(session.options.max_pages):
        if at is None:
            return
        answer = await session.query(query.document(at, session.page_size))
        rows: Rows = answer.rows
        lines = lines_of(rows, query)
        then = next_place(at, lines, session.page_size, has_entries=query.has_entries)
        yield Met(lines, answer.body, then)
        at = then
    if at is not None:
        raise PlatformRejectedError("a list never ends: see options.max_pages", code="endless")


async def changed_pages(
    session: KingdeeSession, bill: Bill, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Bills that changed since the cursor, up to the frozen end.

    Raises:
        TransientError, PlatformRejectedError: pages so far stay good.
    """
    for window, place in _windows(request, source):
        start, end = window
        query = modified_between(bill, session.options, start, end)
        async for met in listed(session, query, place):
            cursor: dict[str, Any] = dict(_kept(request.cursor))
            if met.then is None:
                cursor["watermark"] = end.isoformat()
            else:
                cursor["resume"] = {
                    "start": start.isoformat(),
                    "end": end.isoformat(),
                    "after": met.then.after,
                    "skip": met.then.skip,
                }
            envelope = envelope_of(bill.entity, query, met.body) if met.lines else None
            yield Page(envelope, cursor, [line.key for line in met.lines])


def _kept(cursor: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"watermark": cursor["watermark"]} if "watermark" in cursor else {}


def _windows(
    request: PullRequest, source: SourceSettings
) -> list[tuple[tuple[datetime, datetime], Place]]:
    """What to ask, in order: an interrupted window first, then from its end to the frozen end."""
    overlap = timedelta(seconds=source.pull.overlap_s)
    resume = request.cursor.get("resume")
    found: list[tuple[tuple[datetime, datetime], Place]] = []
    if resume:
        bounds = (datetime.fromisoformat(resume["start"]), datetime.fromisoformat(resume["end"]))
        found.append((bounds, Place(resume["after"], resume["skip"])))
        begin = bounds[1] - overlap
    elif request.since is not None:
        begin = request.since
    elif "watermark" in request.cursor:
        begin = datetime.fromisoformat(request.cursor["watermark"]) - overlap
    else:
        begin = request.until - timedelta(days=source.pull.first_days)
    if not resume or begin + overlap < request.until:
        found.append(((begin, request.until), Place()))
    return found
