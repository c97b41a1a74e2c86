"""Breaks as they are kept: opened, changed, closed by a person, reopened by their facts, resolved by the facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.types.json import Jsonb

from hub.finance.reconciliation_tables import break_, break_event
from hub.reconciliation.books import HOME_CURRENCY
from hub.reconciliation.findings import Break
from hub.reconciliation.kinds import BreakKind

OPEN, CLOSED, REOPENED, RESOLVED = "open", "closed", "reopened", "resolved"
LIVE = (OPEN, REOPENED)
"""The states of a break that somebody has to look at."""

_COLUMNS = (
    "id, merchant, kind, state, document_id, entity, number, contract_number, contract_id, source_key,"
    " amount_fen, currency, period, facts_hash, detail, first_seen, changed_at"
)
_TYPES = [
    "text", "text", "text", "text", "uuid", "text", "text", "text", "uuid", "text",
    "int8", "text", "text", "bytea", "jsonb", "timestamptz", "timestamptz",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    state: str
    facts_hash: bytes
    first_seen: datetime
    amount: int | None


def keep_breaks(
    conn: psycopg.Connection[Any],
    merchant: str,
    found: Sequence[Break],
    scope: Sequence[UUID] | None,
    now: datetime,
) -> Counter[str]:
    """Make the breaks of `scope` (document ids; None: the merchant's) those that were found; events by name.

    A closed break stays closed while it says the same; another text opens it again. What is not found any more
    is resolved, and opens again if it comes back.
    """
    known = _known(conn, merchant, scope)
    events: list[tuple[str, str, int | None]] = []
    written: list[tuple[str, str, Break, datetime]] = []
    current = {one.id(merchant): one for one in found}
    for identifier, one in current.items():
        before = known.get(identifier)
        event = _event(before, one)
        if event:
            state = _next_state(before)
            first = before.first_seen if before else now
            written.append((identifier, state, one, first))
            events.append((identifier, event, one.amount))
    gone = [
        (identifier, before)
        for identifier, before in known.items()
        if identifier not in current and before.state != RESOLVED
    ]
    events += [(identifier, RESOLVED, before.amount) for identifier, before in gone]
    _resolve(conn, [identifier for identifier, _ in gone], now)
    _write(conn, merchant, written, now)
    _add_events(conn, merchant, events, now)
    return Counter(event for _, event, _ in events)


def _known(
    conn: psycopg.Connection[Any], merchant: str, scope: Sequence[UUID] | None
) -> dict[str, _Known]:
    query = "SELECT id, state, facts_hash, first_seen, amount_fen FROM finance.break WHERE merchant = %s"
    parameters: list[Any] = [merchant]
    if scope is not None:
        query += " AND document_id = ANY(%s)"
        parameters.append(list(scope))
    rows = conn.execute(query.encode(), parameters).fetchall()
    return {row[0]: _Known(row[1], bytes(row[2]), row[3], row[4]) for row in rows}


def _event(before: _Known | None, now: Break) -> str | None:
    """What happened to a break that is found now."""
    if before is None:
        return "opened"
    is_same = before.facts_hash == now.facts_hash
    if before.state in LIVE:
        return None if is_same else "changed"
    if before.state == CLOSED and is_same:
        return None
    return "reopened"


def _next_state(before: _Known | None) -> str:
    if before is None or before.state == OPEN:
        return OPEN
    return REOPENED


def _resolve(conn: psycopg.Connection[Any], ids: Sequence[str], now: datetime) -> None:
    if ids:
        conn.execute(
            "UPDATE finance.break SET state = 'resolved', changed_at = %s WHERE id = ANY(%s)",
            (now, list(ids)),
        )


def _write(
    conn: psycopg.Connection[Any],
    merchant: str,
    rows: Sequence[tuple[str, str, Break, datetime]],
    now: datetime,
) -> None:
    if not rows:
        return
    conn.execute("DELETE FROM finance.break WHERE id = ANY(%s)", ([row[0] for row in rows],))
    statement = f"COPY finance.break ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
    with conn.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.set_types(_TYPES)
        for identifier, state, one, first_seen in rows:
            entry = one.entry
            contract = UUID(bytes=one.contract_id) if one.contract_id else None
            copy.write_row(
                (identifier, merchant, one.kind.value, state, UUID(bytes=entry.id), entry.entity,
                 entry.number, one.contract, contract, entry.source, one.amount, entry.currency,
                 one.period, one.facts_hash, Jsonb(dict(one.detail)), first_seen, now)
            )  # fmt: skip


def _add_events(
    conn: psycopg.Connection[Any],
    merchant: str,
    events: Sequence[tuple[str, str, int | None]],
    now: datetime,
) -> None:
    if not events:
        return
    statement = (
        b"COPY finance.break_event (merchant, break_id, event, happened_at, amount_fen)"
        b" FROM STDIN (FORMAT BINARY)"
    )
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["text", "text", "text", "timestamptz", "int8"])
        for identifier, event, amount in events:
            copy.write_row((merchant, identifier, event, now, amount))


def documents_with(conn: psycopg.Connection[Any], merchant: str, kind: BreakKind) -> set[UUID]:
    """Documents about which there is a break of that kind, closed ones too."""
    rows = conn.execute(
        "SELECT document_id FROM finance.break WHERE merchant = %s AND kind = %s AND state <> %s",
        (merchant, kind.value, RESOLVED),
    ).fetchall()
    return {row[0] for row in rows}


def list_breaks(
    conn: sa.Connection, merchant: str | None, filters: Mapping[str, Any], limit: int
) -> list[sa.RowMapping]:
    """Breaks, the oldest first. `filters`: kind, states (a list), before (first seen), contract."""
    query = sa.select(break_)
    if merchant is not None:
        query = query.where(break_.c.merchant == merchant)
    if filters.get("kind"):
        query = query.where(break_.c.kind == filters["kind"])
    if filters.get("states"):
        query = query.where(break_.c.state.in_(filters["states"]))
    if filters.get("before"):
        query = query.where(break_.c.first_seen < filters["before"])
    if filters.get("contract"):
        query = query.where(break_.c.contract_number == filters["contract"])
    query = query.order_by(break_.c.first_seen, break_.c.id).limit(limit)
    return list(conn.execute(query).mappings())


def find_breaks(conn: sa.Connection, beginning: str) -> list[sa.RowMapping]:
    """Breaks whose id begins so."""
    query = sa.select(break_).where(break_.c.id.startswith(beginning, autoescape=True))
    return list(conn.execute(query.limit(2)).mappings())


def break_history(conn: sa.Connection, identifier: str) -> list[sa.RowMapping]:
    """What happened to a break, the oldest first."""
    query = sa.select(break_event).where(break_event.c.break_id == identifier)
    return list(conn.execute(query.order_by(break_event.c.id)).mappings())


def close_break(
    conn: sa.Connection, row: sa.RowMapping, *, by: str, reason: str, now: datetime
) -> None:
    """Close a break in somebody's name; it opens again when what it says changes."""
    conn.execute(
        break_.update()
        .where(break_.c.id == row["id"])
        .values(state=CLOSED, closed_by=by, close_reason=reason, changed_at=now)
    )
    conn.execute(
        break_event.insert().values(
            merchant=row["merchant"], break_id=row["id"], event=CLOSED, happened_at=now, by=by,
            reason=reason, amount_fen=row["amount_fen"],
        )
    )  # fmt: skip


def open_totals(conn: sa.Connection, merchant: str | None = None) -> list[sa.RowMapping]:
    """Live breaks by merchant, kind and currency: how many, how much is at stake in fen, since when."""
    currency = sa.func.coalesce(break_.c.currency, HOME_CURRENCY).label("currency")
    query = (
        sa.select(
            break_.c.merchant,
            break_.c.kind,
            currency,
            sa.func.count().label("count"),
            sa.func.coalesce(sa.func.sum(break_.c.amount_fen), 0).label("amount_fen"),
            sa.func.min(break_.c.first_seen).label("oldest"),
        )
        .where(break_.c.state.in_(LIVE))
        .group_by(break_.c.merchant, break_.c.kind, currency)
        .order_by(break_.c.merchant, break_.c.kind, currency)
    )
    if merchant is not None:
        query = query.where(break_.c.merchant == merchant)
    return list(conn.execute(query).mappings())
