"""Signing flows that the hub knows and that have not ended: asked about one by one, since a callback can be lost.

A flow that is old enough is asked about once a round, a round a day; one that somebody has signed since the
last pull is asked about at once, for some platforms tell of each signer and never of the whole.

Cursor: `seen` (changes up to it were asked about), `rounded` (when the last whole round began) and, inside a
round, `round`: when it began and the id after which it goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from hub.connectors.base import OpenFlow, Page, PullRequest
from hub.model.delivery import Envelope, RawRecord

ENDED = frozenset(
    ("completed", "rejected", "revoked", "expired", "terminated", "dissolved", "invalid")
)
"""States after which nothing is asked any more."""

GONE = "gone"


@dataclass(frozen=True, slots=True)
class Rounds:
    """When flows are asked about: from `min_age` on, each once `every`; changes again within `overlap`."""

    min_age: timedelta
    every: timedelta
    overlap: timedelta
    page_size: int


class _Answer(msgspec.Struct, omit_defaults=True):
    id: str
    read_at: int
    answer: Any = None


class _Body(msgspec.Struct):
    flows: list[_Answer]


@dataclass(frozen=True, slots=True)
class _Round:
    """What one pull asks about: ids of changed flows, then the rest of a round that began at `began`."""

    changed: Sequence[str]
    aged: Sequence[str]
    began: datetime | None


async def open_flow_pages(
    shape: str,
    ask: Callable[[str], Awaitable[bytes | None]],
    request: PullRequest,
    rounds: Rounds,
    *,
    clock: Callable[[], datetime],
) -> AsyncIterator[Page]:
    """Pages of what the platform says of each flow that is due; `ask` gives None for one that it does not know.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good.
    """
    todo = _due(request, rounds)
    ids = [*todo.changed, *todo.aged]
    if not ids:
        yield Page(None, _cursor(request, todo, len(ids), ids), [])
    for start in range(0, len(ids), rounds.page_size):
        part = ids[start : start + rounds.page_size]
        answers = [await _asked(flow, ask, clock) for flow in part]
        body = msgspec.json.encode(_Body(answers))
        done = start + len(part)
        yield Page(Envelope(shape, body), _cursor(request, todo, done, ids), part)


async def _asked(
    flow: str, ask: Callable[[str], Awaitable[bytes | None]], clock: Callable[[], datetime]
) -> _Answer:
    read_at = int(clock().timestamp() * 1000)
    found = await ask(flow)
    return _Answer(flow, read_at, None if found is None else msgspec.Raw(found))


def _due(request: PullRequest, rounds: Rounds) -> _Round:
    cursor, now = request.cursor, request.until
    began, after = _round_of(request, rounds)
    aged: list[str] = []
    if began is not None:
        oldest = began - rounds.min_age
        known = {flow.id for flow in request.open_flows if flow.first_seen_at <= oldest}
        aged = sorted(flow for flow in known if flow > after)
    seen = cursor.get("seen")
    since = datetime.fromisoformat(seen) - rounds.overlap if seen else now - rounds.every
    changed = {flow.id for flow in request.open_flows if _was_signed(flow, since)} - set(aged)
    return _Round(sorted(changed), aged, began)


def _was_signed(flow: OpenFlow, since: datetime) -> bool:
    return flow.may_be_done and flow.changed_at > since


def _round_of(request: PullRequest, rounds: Rounds) -> tuple[datetime | None, str]:
    """When the round under way began and the id after which it goes on; (None, "") if none is due."""
    under_way = request.cursor.get("round")
    if under_way:
        return datetime.fromisoformat(under_way["began"]), str(under_way["after"])
    rounded = request.cursor.get("rounded")
    is_due = rounded is None or request.until - datetime.fromisoformat(rounded) >= rounds.every
    return (request.until, "") if is_due else (None, "")


def _cursor(request: PullRequest, todo: _Round, done: int, ids: Sequence[str]) -> dict[str, Any]:
    """What the next pull starts from if so many of the flows are stored."""
    is_end, are_changes_done = done >= len(ids), done >= len(todo.changed)
    cursor: dict[str, Any] = {
        name: request.cursor[name] for name in ("seen", "rounded") if name in request.cursor
    }
    if are_changes_done:
        cursor["seen"] = request.until.isoformat()
    if todo.began is None:
        return cursor
    if is_end:
        cursor["rounded"] = todo.began.isoformat()
    elif are_changes_done and done > len(todo.changed):
        cursor["round"] = {"began": todo.began.isoformat(), "after": ids[done - 1]}
    elif "round" in request.cursor:
        cursor["round"] = request.cursor["round"]
    return cursor


def split_flows(
    envelope: Envelope, entity: str, record: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[RawRecord]:
    """One record a flow: `record` makes it of `{"id", "read_at", "answer"}`; without `answer` it is gone."""
    try:
        flows = msgspec.json.decode(envelope.body, type=_Body).flows
    except (ValueError, RecursionError):
        return [RawRecord(entity, envelope.body, unreadable="not_readable")]
    return [
        RawRecord(entity, msgspec.json.encode(record(msgspec.to_builtins(flow)))) for flow in flows
    ]
