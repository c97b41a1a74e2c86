"""What keeps dead rows from being reused, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

# Whoever holds an old snapshot: sessions (idle ones in a transaction, too), prepared transactions, slots.
_HOLDERS = sa.text(
    "SELECT 'session of ' || coalesce(nullif(application_name, ''), usename, '?') AS who,"
    " extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds,"
    " coalesce(age(backend_xmin), age(backend_xid), 0) AS xids"
    " FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    " AND datname = current_database() AND backend_type = 'client backend'"
    " UNION ALL SELECT 'prepared transaction', extract(epoch FROM clock_timestamp() - prepared)::float8,"
    " age(transaction) FROM pg_prepared_xacts WHERE database = current_database()"
    " UNION ALL SELECT 'replication slot ' || slot_name, NULL, greatest(age(xmin), age(catalog_xmin))"
    " FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL"
    " ORDER BY seconds DESC NULLS LAST, xids DESC"
)
_DEAD = sa.text(
    "SELECT schemaname || '.' || relname AS name, n_live_tup AS live, n_dead_tup AS dead,"
    " pg_total_relation_size(relid) AS size FROM pg_stat_user_tables"
    " WHERE schemaname IN ('inbox', 'ops', 'alerts') AND n_dead_tup >= :over ORDER BY n_dead_tup DESC"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds back vacuum: for how long (None: it is not known), and behind how many transactions."""

    who: str
    seconds: float | None
    xids: int


@dataclass(frozen=True, slots=True)
class DeadRows:
    """A table with dead rows, by the statistics of the server; `size` in bytes, indexes too."""

    name: str
    live: int
    dead: int
    size: int


def holders(conn: sa.Connection) -> list[Holder]:
    """Everybody who holds a snapshot in this database, the oldest first."""
    return [Holder(row.who, row.seconds, row.xids) for row in conn.execute(_HOLDERS)]


def dead_rows(conn: sa.Connection, over: int) -> list[DeadRows]:
    """Tables that change all the time and have at least so many dead rows, the worst first."""
    found = conn.execute(_DEAD, {"over": over})
    return [DeadRows(row.name, row.live, row.dead, row.size) for row in found]
