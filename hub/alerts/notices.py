"""Change notices (《字段变更须知》) for a merchant's operators; the channels take them from here."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from hub.alerts.tables import notice


def add_notice(
    conn: sa.Connection,
    *,
    merchant: str,
    title: str,
    body: str,
    findings: Sequence[str],
    written_by: str,
) -> int:
    """Queue a notice for a merchant's channels; its number."""
    values = {
        "merchant": merchant,
        "title": title,
        "body": body,
        "findings": list(findings),
        "written_by": written_by,
    }
    statement = sa.insert(notice).values(**values).returning(notice.c.id)
    return int(conn.execute(statement).scalar_one())


def notices_about(conn: sa.Connection, finding: str) -> Sequence[sa.RowMapping]:
    """The notices that a finding led to, oldest first."""
    query = sa.select(notice).where(notice.c.findings.any(finding)).order_by(notice.c.id)
    return conn.execute(query).mappings().all()
