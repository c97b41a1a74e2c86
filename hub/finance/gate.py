"""Rows of the gate: readings by the hour, where they leave it, overrides by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.finance.gate_tables import gate, gate_override, gate_reading
from hub.reconciliation.gate import GateState, Override, Reading, Unknown

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('gate:' || :merchant, 0))")


@dataclass(frozen=True, slots=True)
class GateName:
    """Which gate: whose, of which metric, for which month (`2026-01`)."""

    merchant: str
    metric: str
    period: str

    def key(self) -> dict[str, str]:
        """Its columns."""
        return {"merchant": self.merchant, "metric": self.metric, "period": self.period}


@dataclass(frozen=True, slots=True)
class StoredGate:
    """Where readings left a gate when it was last evaluated, and the override that was told last."""

    name: GateName
    shut_since: datetime | None
    over_since: datetime | None
    known: int
    is_healthy: bool
    evaluated_at: datetime


def lock_gates(conn: sa.Connection, merchant: str) -> None:
    """One evaluation of a merchant's gates at a time, until the transaction ends."""
    conn.execute(_LOCK, {"merchant": merchant})


def keep_reading(conn: sa.Connection, name: GateName, version: str, reading: Reading) -> None:
    """Store a reading under its hour; a later one of the same hour replaces it, unless only the earlier is known."""
    values = {
        "at": reading.at,
        "version": version,
        "numerator_fen": reading.numerator,
        "denominator_fen": reading.denominator,
        "residual_fen": reading.residual,
        "unknown": reading.unknown,
        "detail": reading.detail,
    }
    hour = reading.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    statement = insert(gate_reading).values(**name.key(), hour=hour, **values)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[*name.key(), "hour"],
            set_=values,
            where=sa.or_(
                statement.excluded.unknown.is_(None), gate_reading.c.unknown.is_not(None)
            ),
        )
    )


def readings_of(
    conn: sa.Connection, name: GateName, since: datetime | None = None
) -> list[Reading]:
    """The readings of a gate, oldest first."""
    row = gate_reading.c
    query = sa.select(
        row.at, row.numerator_fen, row.denominator_fen, row.residual_fen, row.unknown, row.detail
    ).where(*(gate_reading.c[column] == value for column, value in name.key().items()))
    if since is not None:
        query = query.where(row.hour >= since)
    return [
        Reading(at, numerator, denominator, residual, Unknown(why) if why else None, detail)
        for at, numerator, denominator, residual, why, detail in conn.execute(
            query.order_by(row.hour)
        )
    ]


def overrides_of(conn: sa.Connection, name: GateName) -> list[Override]:
    """Every override of a gate, oldest first."""
    row = gate_override.c
    query = sa.select(row.at, row.expires_at, row.by, row.reason).where(
        *(gate_override.c[column] == value for column, value in name.key().items())
    )
    return [Override(*found) for found in conn.execute(query.order_by(row.id))]


def add_override(conn: sa.Connection, name: GateName, override: Override) -> None:
    """Append an override."""
    conn.execute(
        sa.insert(gate_override).values(
            **name.key(),
            at=override.at,
            expires_at=override.expires_at,
            by=override.by,
            reason=override.reason,
        )
    )


def keep_gate(conn: sa.Connection, name: GateName, state: GateState, now: datetime) -> None:
    """Store where readings leave a gate."""
    values = {
        "shut_since": state.shut_since,
        "over_since": state.over_since,
        "known": state.known,
        "is_healthy": state.is_healthy,
        "evaluated_at": now,
    }
    conn.execute(
        insert(gate)
        .values(**name.key(), **values)
        .on_conflict_do_update(index_elements=list(name.key()), set_=values)
    )


def gates_of(
    conn: sa.Connection, merchant: str | None = None, *, shut: bool = False
) -> list[StoredGate]:
    """Gates as they were left, sorted by merchant and month; with `shut` only those that readings closed."""
    row = gate.c
    query = sa.select(
        row.merchant,
        row.metric,
        row.period,
        row.shut_since,
        row.over_since,
        row.known,
        row.is_healthy,
        row.evaluated_at,
    )
    if merchant is not None:
        query = query.where(row.merchant == merchant)
    if shut:
        query = query.where(row.shut_since.is_not(None))
    found: Sequence[sa.Row[tuple[object, ...]]] = conn.execute(
        query.order_by(row.merchant, row.period, row.metric)
    ).all()
    return [StoredGate(GateName(*one[:3]), *one[3:]) for one in found]
