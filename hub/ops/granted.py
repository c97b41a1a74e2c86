"""Rows of `ops.granted_account`: which accounts a grant covers, and which it no longer does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.ops.tables import granted_account


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What is other than at the last look: account ids, sorted. `covered` is how many there are now."""

    covered: int
    added: tuple[str, ...]
    vanished: tuple[str, ...]


def replace_accounts(
    conn: sa.Connection, source_key: str, accounts: Mapping[str, str], *, now: datetime
) -> AccountChange:
    """The grant of a source covers just these accounts (id → name): note it, and say what changed."""
    rows = conn.execute(
        sa.select(granted_account.c.account, granted_account.c.vanished_at)
        .where(granted_account.c.source_key == source_key)
        .with_for_update()
    ).all()
    covered = {row.account for row in rows if row.vanished_at is None}
    added, vanished = sorted(accounts.keys() - covered), sorted(covered - accounts.keys())
    for account, name in sorted(accounts.items()):
        row = {"name": name, "last_seen": now, "vanished_at": None}
        conn.execute(
            insert(granted_account)
            .values(source_key=source_key, account=account, first_seen=now, **row)
            .on_conflict_do_update(index_elements=["source_key", "account"], set_=row)
        )
    conn.execute(
        sa.update(granted_account)
        .where(granted_account.c.source_key == source_key, granted_account.c.account.in_(vanished))
        .values(vanished_at=now)
    )
    return AccountChange(len(accounts), tuple(added), tuple(vanished))


def vanished_accounts(conn: sa.Connection, source_key: str) -> list[str]:
    """Accounts that the grant covered once and covers no more."""
    query = sa.select(granted_account.c.account).where(
        granted_account.c.source_key == source_key, granted_account.c.vanished_at.is_not(None)
    )
    return list(conn.execute(query.order_by(granted_account.c.account)).scalars())
