"""How the database server is: its clock, whether it can be written to, who is connected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

# The sessions of other roles show their start only to a role that may see it (pg_read_all_stats).
_VITALS = sa.text(
    "SELECT clock_timestamp() AS at,"
    " pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS is_read_only,"
    " (SELECT sum(numbackends)::int FROM pg_stat_database) AS connections,"
    " current_setting('max_connections')::int AS max_connections,"
    " coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)"
    " FILTER (WHERE pid <> pg_backend_pid())), 0)::float8 AS oldest_s"
    " FROM pg_stat_activity WHERE backend_type = 'client backend'"
)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What one look told. `oldest_transaction` is of any client but us."""

    at: datetime
    is_read_only: bool
    connections: int
    max_connections: int
    oldest_transaction: timedelta


def read_vitals(conn: sa.Connection) -> Vitals:
    """One look, by one statement."""
    row = conn.execute(_VITALS).one()
    return Vitals(
        at=row.at,
        is_read_only=row.is_read_only,
        connections=row.connections,
        max_connections=row.max_connections,
        oldest_transaction=timedelta(seconds=row.oldest_s),
    )


def limit_statements(conn: sa.Connection, within: timedelta) -> None:
    """Let no statement of this transaction take longer."""
    wanted = {"within": str(round(within.total_seconds() * 1000))}
    conn.execute(sa.text("SELECT set_config('statement_timeout', :within, true)"), wanted)
