"""Seal again what older keys sealed, while the hub runs, so that those keys can be retired.

Nothing is kept of how far it came: what is under the active key is done, so a run that was cut off is called
again. A value is never unsealed anywhere but in this process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa

from hub.crm.sealed import SEALED_TABLES as CRM
from hub.database.engine import driver, store_errors
from hub.database.sealed_rows import (
    Key,
    SealedTable,
    count_by_key,
    rows_under_other_keys,
    write_sealed,
)
from hub.finance.sealed import SEALED_TABLES as FINANCE
from hub.inbox.sealed import SEALED_TABLES as INBOX
from hub.ops.sealed import SEALED_TABLES as OPS
from hub.privacy.keyring import KeyRing, UnsealError

SEALED_TABLES: tuple[SealedTable, ...] = (*INBOX, *CRM, *FINANCE, *OPS)
BATCH = 500
_PASSES = 3

OnProgress = Callable[[int, int], None]


def count_sealed(conn: psycopg.Connection[Any]) -> dict[int, int]:
    """Sealing key id → values under it, in all tables. Reads them whole."""
    total: Counter[int] = Counter()
    for table in SEALED_TABLES:
        total.update(count_by_key(conn, table))
    return dict(sorted(total.items()))


def reseal(
    engine: sa.Engine, ring: KeyRing, *, on_progress: OnProgress = lambda _done, _of: None
) -> dict[int, int]:
    """Seal under the active key all that is under another one; what is left: key id → values.

    Args:
        engine: The store; the hub may be running.
        ring: The hub's keys: those that sealed, and the active one.
        on_progress: Called after each batch with the values done and the number there were.

    Raises:
        UnsealError: a value does not open; its table and how many were done are in the text.
        StoreAwayError: the database is away; call it again.
    """
    with store_errors(), engine.begin() as conn:
        found = count_sealed(driver(conn))
    of = sum(count for key_id, count in found.items() if key_id != ring.active)
    done = 0
    for _ in range(
        _PASSES if of else 0
    ):  # rows that somebody else had in hand are left to the next pass
        for table in SEALED_TABLES:
            after: Key | None = None
            while True:
                after, count = _reseal_batch(engine, ring, table, after)
                done += count
                if after is None:
                    break
                on_progress(min(done, of), of)
    with store_errors(), engine.begin() as conn:
        left = count_sealed(driver(conn))
    return {key_id: count for key_id, count in left.items() if key_id != ring.active}


def _reseal_batch(
    engine: sa.Engine, ring: KeyRing, table: SealedTable, after: Key | None
) -> tuple[Key | None, int]:
    """One short transaction: the last row's key, None at the end; and how many rows it sealed again."""
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        rows = rows_under_other_keys(raw, table, active=ring.active, after=after, limit=BATCH)
        if not rows:
            return None, 0
        try:
            plain = [(ring.unseal(row.sealed, row.aad), row.aad) for row in rows]
        except UnsealError as error:
            raise UnsealError(
                f"{table.name}: {error}; nothing of this batch was changed"
            ) from None
        sealed = ring.seal_many(plain)
        write_sealed(raw, table, [(row.key, new) for row, new in zip(rows, sealed, strict=True)])
    return rows[-1].key, len(rows)
