"""Open findings as each source shows them: what a page about one source needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.registry.tables import finding, finding_source


@dataclass(frozen=True, slots=True)
class SourceFinding:
    """An open finding; `since` and `count` are those of one source."""

    id: str
    kind: str
    pointer: str
    severity: str
    detail: Mapping[str, Any]
    since: datetime
    count: int


def open_findings(conn: sa.Connection) -> dict[str, list[SourceFinding]]:
    """Source key → what is open there, oldest first."""
    source_key = sa.func.coalesce(finding_source.c.source_key, finding.c.source_key)
    query = (
        sa.select(
            source_key,
            finding.c.id,
            finding.c.kind,
            finding.c.pointer,
            finding.c.severity,
            finding.c.detail,
            sa.func.coalesce(finding_source.c.first_seen, finding.c.first_seen).label("since"),
            sa.func.coalesce(finding_source.c.count, finding.c.count),
        )
        .select_from(
            finding.outerjoin(finding_source, finding_source.c.finding_id == finding.c.id)
        )
        .where(finding.c.state == "open")
        .order_by(sa.text("since"), finding.c.id)
    )
    found: dict[str, list[SourceFinding]] = {}
    for key, *values in conn.execute(query):
        found.setdefault(key, []).append(SourceFinding(*values))
    return found
