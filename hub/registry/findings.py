"""Drift findings: one row per change, open until somebody publishes what solves it or dismisses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.registry.tables import field_sheet, finding, finding_source


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, as its table has it. `merchant` and `source_key` are "" where it is everybody's."""

    id: str
    merchant: str
    platform: str
    entity: str
    source_key: str
    kind: str
    pointer: str
    severity: str
    breaks: str
    detail: Mapping[str, Any]
    first_seen: datetime
    last_seen: datetime
    count: int
    reopened: int
    owner: str | None
    state: str
    mapping_version: str | None
    solved_by: str | None = None
    decided_by: str | None = None
    reason: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FieldSheet:
    """A vendor's sheet: its title, and field → {label, type, required, members, description}."""

    title: str
    fields: Mapping[str, Mapping[str, Any]]
    added_at: datetime


def find_findings(  # noqa: PLR0913 -- each narrows the list
    conn: sa.Connection,
    *,
    states: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    platform: str | None = None,
    entity: str | None = None,
    merchant: str | None = None,
    kinds: Sequence[str] | None = None,
    limit: int = 1000,
) -> list[Finding]:
    """Findings, oldest first, narrowed by what is given."""
    query = sa.select(finding).order_by(finding.c.first_seen, finding.c.id).limit(limit)
    if states is not None:
        query = query.where(finding.c.state.in_(states))
    if ids is not None:
        query = query.where(finding.c.id.in_(ids))
    if kinds is not None:
        query = query.where(finding.c.kind.in_(kinds))
    for column, value in (("platform", platform), ("entity", entity), ("merchant", merchant)):
        if value is not None:
            query = query.where(finding.c[column] == value)
    return [Finding(**row) for row in conn.execute(query).mappings()]


def find_finding(conn: sa.Connection, beginning: str) -> list[Finding]:
    """Findings whose id begins so; more than one if that is too short."""
    query = sa.select(finding).where(finding.c.id.startswith(beginning, autoescape=True)).limit(10)
    return [Finding(**row) for row in conn.execute(query).mappings()]


def save_findings(conn: sa.Connection, rows: Iterable[Finding]) -> None:
    """Write findings as they are now; the caller is the one evaluator, or holds its lock."""
    columns = [column.name for column in finding.c]
    values = [{name: getattr(row, name) for name in columns} for row in rows]
    if values:
        statement = insert(finding)
        changed = {name: statement.excluded[name] for name in columns if name != "id"}
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed), values)


def add_to_sources(
    conn: sa.Connection, rows: Sequence[tuple[str, str, str, datetime, int]]
) -> None:
    """Add (finding, merchant, source, seen at, count) to what each source showed."""
    if not rows:
        return
    statement = insert(finding_source)
    table = finding_source.c
    values = [
        {"finding_id": f, "merchant": m, "source_key": s, "first_seen": at, "last_seen": at, "count": n}
        for f, m, s, at, n in rows
    ]  # fmt: skip
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["finding_id", "source_key"],
            set_={
                "last_seen": sa.func.greatest(table.last_seen, statement.excluded.last_seen),
                "count": table.count + statement.excluded.count,
            },
        ),
        values,
    )


def sources_of(conn: sa.Connection, finding_id: str) -> Sequence[sa.RowMapping]:
    """The sources that show a finding: merchant, first and last seen, count."""
    query = sa.select(finding_source).where(finding_source.c.finding_id == finding_id)
    return conn.execute(query.order_by(finding_source.c.source_key)).mappings().all()


def decide(  # noqa: PLR0913 -- who decided what, when and why
    conn: sa.Connection,
    ids: Sequence[str],
    *,
    state: str,
    by: str,
    reason: str,
    now: datetime,
    solved_by: str | None = None,
) -> list[str]:
    """Give open (or joined) findings another state; the ids of those that were."""
    statement = (
        sa.update(finding)
        .where(finding.c.id.in_(ids), finding.c.state.in_(("open", "joined")))
        .values(state=state, decided_by=by, reason=reason, decided_at=now, solved_by=solved_by)
        .returning(finding.c.id)
    )
    return sorted(conn.execute(statement).scalars())


def dismissed_ids(conn: sa.Connection) -> frozenset[str]:
    """Findings that a person does not want to see any more."""
    query = sa.select(finding.c.id).where(finding.c.state == "dismissed")
    return frozenset(conn.execute(query).scalars())


def add_sheet(
    conn: sa.Connection,
    platform: str,
    entity: str,
    *,
    title: str,
    fields: Mapping[str, Mapping[str, Any]],
    by: str,
) -> int:
    """Keep a vendor's field sheet; the number of its row."""
    statement = sa.insert(field_sheet).values(
        platform=platform, entity=entity, title=title, fields=dict(fields), added_by=by
    )
    return int(conn.execute(statement.returning(field_sheet.c.id)).scalar_one())


def newest_sheet(conn: sa.Connection, platform: str, entity: str) -> FieldSheet | None:
    """The newest field sheet of an entity, None if nobody gave one."""
    query = (
        sa.select(field_sheet.c.title, field_sheet.c.fields, field_sheet.c.added_at)
        .where(field_sheet.c.platform == platform, field_sheet.c.entity == entity)
        .order_by(field_sheet.c.id.desc())
        .limit(1)
    )
    row = conn.execute(query).mappings().first()
    return None if row is None else FieldSheet(**row)
