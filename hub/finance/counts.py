"""The terms of the record law that stand in `finance`: records that gave business documents.

A record stands by its first revision (`ordinal` 0). `hub.inbox.counts` says what a snapshot and `since` are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from hub.finance.tables import document_revision
from hub.model.ids import uuid7_floor
from hub.model.outcome import IN_CRM

_FIRST = document_revision.c.ordinal == 0


def outcome_terms(
    conn: sa.Connection, *, since: datetime | None = None
) -> dict[str, dict[str, int]]:
    """`loaded`, `revised`, `unchanged` and `superseded` by source."""
    revision = document_revision.c
    query = sa.select(revision.outcome, revision.source_key, sa.func.count()).where(_FIRST)
    if since is not None:
        query = query.where(revision.record_id >= uuid7_floor(since))
    terms: dict[str, dict[str, int]] = {outcome.value: {} for outcome in IN_CRM}
    for outcome, source_key, count in conn.execute(
        query.group_by(revision.outcome, revision.source_key)
    ):
        terms.setdefault(outcome, {})[source_key] = count
    return terms


def outcome_members(
    conn: sa.Connection,
    term: str,
    *,
    source_key: str | None = None,
    after: UUID | None = None,
    limit: int = 1000,
) -> list[UUID]:
    """Ids of the records with an outcome, sorted: the page that follows `after`."""
    revision = document_revision.c
    query = sa.select(revision.record_id).where(_FIRST, revision.outcome == term)
    if source_key is not None:
        query = query.where(revision.source_key == source_key)
    if after is not None:
        query = query.where(revision.record_id > after)
    return list(conn.execute(query.order_by(revision.record_id).limit(limit)).scalars())


def record_standings(conn: sa.Connection, record_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The outcome of each of these records in `finance`; one without any is not in the result."""
    revision = document_revision.c
    query = sa.select(revision.record_id, revision.outcome).where(
        _FIRST, revision.record_id.in_(record_ids)
    )
    return {row[0]: [row[1]] for row in conn.execute(query)}
