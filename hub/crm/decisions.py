"""The log of people's decisions about identity, and what follows from it: pinned leads, stopped keys.

The log is part of what the state of the CRM is a function of: rows are appended, never changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.types.json import Jsonb

from hub.crm.tables import decision


def add_decision(
    conn: psycopg.Connection[Any],
    merchant: str,
    kind: str,
    body: Mapping[str, Any],
    *,
    by: str,
    reason: str,
) -> int:
    """Append a decision; its number. `body` holds ids and blind keys, nothing that names a person."""
    row = conn.execute(
        "INSERT INTO crm.decision (merchant, kind, body, decided_by, reason)"
        " VALUES (%s, %s, %s, %s, %s) RETURNING id",
        (merchant, kind, Jsonb(dict(body)), by, reason),
    ).fetchone()
    return int(row[0]) if row else 0


def pin(conn: psycopg.Connection[Any], pins: Mapping[UUID, bytes], decision_id: int) -> None:
    """Give leads a key of their own that a decision made; a lead has the pins of all its decisions."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crm.pin (lead_id, key, decision_id) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(lead, key, decision_id) for lead, key in sorted(pins.items())],
        )


def stop(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes], decision_id: int
) -> None:
    """These keys join nobody from now on."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO crm.stopped_key (merchant, blind, decision_id) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(merchant, key, decision_id) for key in sorted(keys)],
        )


def take_back(conn: psycopg.Connection[Any], decision_id: int) -> list[bytes] | None:
    """Remove what a decision pinned and stopped; the keys that join again, None if nothing was left of it."""
    pinned = conn.execute("DELETE FROM crm.pin WHERE decision_id = %s", (decision_id,)).rowcount
    rows = conn.execute(
        "DELETE FROM crm.stopped_key WHERE decision_id = %s RETURNING blind", (decision_id,)
    ).fetchall()
    return [bytes(row[0]) for row in rows] if pinned or rows else None


def pins_of(conn: psycopg.Connection[Any], leads: Sequence[UUID]) -> dict[UUID, list[bytes]]:
    """Lead → the keys that decisions gave it; leads without any are not in the result."""
    rows = conn.execute(
        "SELECT lead_id, key FROM crm.pin WHERE lead_id = ANY(%s) ORDER BY 1, 2", (list(leads),)
    ).fetchall()
    found: dict[UUID, list[bytes]] = {}
    for lead, key in rows:
        found.setdefault(lead, []).append(bytes(key))
    return found


def all_pins(conn: psycopg.Connection[Any]) -> dict[UUID, list[bytes]]:
    """Every pin."""
    rows = conn.execute("SELECT lead_id, key FROM crm.pin ORDER BY 1, 2").fetchall()
    found: dict[UUID, list[bytes]] = {}
    for lead, key in rows:
        found.setdefault(lead, []).append(bytes(key))
    return found


def all_stopped(conn: psycopg.Connection[Any]) -> set[tuple[str, bytes]]:
    """Every stopped key, with its merchant."""
    rows = conn.execute("SELECT merchant, blind FROM crm.stopped_key").fetchall()
    return {(row[0], bytes(row[1])) for row in rows}


def get_decision(conn: sa.Connection, decision_id: int) -> sa.RowMapping | None:
    """One decision."""
    query = sa.select(decision).where(decision.c.id == decision_id)
    return conn.execute(query).mappings().one_or_none()


def decisions(conn: sa.Connection, merchant: str | None, limit: int) -> Sequence[sa.RowMapping]:
    """The newest decisions first."""
    query = sa.select(decision).order_by(decision.c.id.desc()).limit(limit)
    if merchant is not None:
        query = query.where(decision.c.merchant == merchant)
    return conn.execute(query).mappings().all()
