"""What is known of one contact, for whoever asks while a customer waits: by index only, bounded answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

_DOWN = """
WITH RECURSIVE down AS (
    SELECT id FROM crm.contact WHERE id = %(root)s
    UNION
    SELECT c.id FROM down JOIN crm.contact c ON c.merged_into = down.id
)
"""
# The newest span of each key says who has it now; a span or a key that joins nobody says nothing.
_HOLDERS = """
WITH RECURSIVE held AS (
    SELECT DISTINCT ON (k.blind) k.blind, k.contact_id FROM crm.contact_key k
    WHERE k.merchant = %(merchant)s AND k.blind = ANY(%(keys)s) AND NOT k.stopped AND NOT EXISTS (
        SELECT FROM crm.stopped_key s WHERE s.merchant = k.merchant AND s.blind = k.blind
    )
    ORDER BY k.blind, k.last_s DESC
), up AS (
    SELECT held.blind, c.id, c.merged_into FROM held JOIN crm.contact c ON c.id = held.contact_id
    UNION ALL
    SELECT up.blind, c.id, c.merged_into FROM up JOIN crm.contact c ON c.id = up.merged_into
)
SELECT blind, id FROM up WHERE merged_into IS NULL
"""
_NEWEST = f"""
{_DOWN}
SELECT l.id, l.source_key, coalesce(l.submitted_at, l.received_at), count(*) OVER ()
FROM crm.lead l JOIN down ON down.id = l.contact_id ORDER BY 3 DESC, 1 DESC LIMIT 1
"""  # noqa: S608 -- text of this module
_NEWEST_OF = f"""
{_DOWN}
SELECT l.id, l.sealed FROM crm.lead l JOIN down ON down.id = l.contact_id
WHERE l.source_key = ANY(%(sources)s)
ORDER BY coalesce(l.submitted_at, l.received_at) DESC, l.id DESC LIMIT 1
"""  # noqa: S608 -- text of this module


@dataclass(frozen=True, slots=True)
class NewestLead:
    """The newest lead of a contact by its own time, and how many leads the contact has."""

    id: UUID
    source_key: str
    at: datetime
    leads: int


def holders_now(
    conn: psycopg.Connection[Any], merchant: str, keys: Sequence[bytes]
) -> dict[bytes, UUID]:
    """Key → the root contact that has it now, in one look-up; keys that join nobody are left out."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(_HOLDERS, {"merchant": merchant, "keys": list(keys)}).fetchall()
    return {bytes(blind): contact for blind, contact in rows}


def newest_lead(conn: psycopg.Connection[Any], root: UUID) -> NewestLead | None:
    """The newest lead under a root contact and all that became it; None for a contact without leads."""
    with conn.cursor(binary=True, row_factory=args_row(NewestLead)) as cursor:
        return cursor.execute(_NEWEST.encode(), {"root": root}).fetchone()


def newest_sealed(
    conn: psycopg.Connection[Any], root: UUID, sources: Sequence[str]
) -> tuple[UUID, bytes] | None:
    """Id and sealed document of a contact's newest lead from one of these sources."""
    given = {"root": root, "sources": list(sources)}
    row = conn.execute(_NEWEST_OF.encode(), given).fetchone()
    return (row[0], bytes(row[1])) if row and row[1] else None
