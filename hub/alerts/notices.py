"""Change notices (《字段变更须知》) for a merchant's operators; the channels take them from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hub.alerts.messages import NOTICE
from hub.alerts.tables import message, notice


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


def untold_notices(conn: sa.Connection, since: datetime) -> Sequence[sa.RowMapping]:
    """Notices made since then for which there is no message yet, oldest first."""
    known = sa.exists().where(message.c.notice_id == notice.c.id)
    query = sa.select(notice).where(
        notice.c.delivered_at.is_(None), notice.c.created_at >= since, ~known
    )
    return conn.execute(query.order_by(notice.c.id)).mappings().all()


def add_notice_message(
    conn: sa.Connection, number: int, recipient: str, now: datetime, not_before: datetime
) -> None:
    """Write down that a notice has to be sent to a recipient; once only."""
    values = {
        "notice_id": number,
        "event": NOTICE,
        "recipient": recipient,
        "severity": "info",
        "created_at": now,
        "not_before": not_before,
    }
    conn.execute(insert(message).values(**values).on_conflict_do_nothing())


def notices_of(conn: sa.Connection, numbers: Sequence[int]) -> Mapping[int, sa.RowMapping]:
    """Notices by number."""
    rows = conn.execute(sa.select(notice).where(notice.c.id.in_(numbers))).mappings()
    return {row["id"]: row for row in rows}


def note_delivered(conn: sa.Connection, numbers: Sequence[int], now: datetime) -> None:
    """These have reached the merchant's group."""
    conn.execute(sa.update(notice).where(notice.c.id.in_(numbers)).values(delivered_at=now))
