"""What platforms say that is no lead and that a person must know, as alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.connectors.base import Connector, Notice
from hub.model.outcome import Outcome
from hub.settings import SourceSettings
from hub.steps.prepare import Work


def raise_notices(
    conn: sa.Connection,
    works: Iterable[Work],
    sources: Mapping[str, SourceSettings],
    connectors: Mapping[str, Connector],
) -> int:
    """Alert for the notices among records that came for the first time; how many there were.

    Call it in the transaction that decides the records: an alert is there with its record, or neither.
    """
    found = Counter(
        (work.source_key, work.reason)
        for work in works
        if work.outcome == Outcome.NOT_A_LEAD and not work.is_archived
    )
    raised = 0
    for (source_key, reason), count in sorted(found.items()):
        source = sources.get(source_key)
        known: Mapping[str, Notice] = (
            getattr(connectors.get(source.platform), "notices", {}) if source else {}
        )
        if source is None or reason not in known:
            continue
        notice = known[reason]
        for over in notice.ends:
            close_alert(conn, f"notice:{source_key}:{over}")
        if notice.severity != "info":
            _raise(conn, source_key, source, reason, notice, count)
        raised += 1
    return raised


def _raise(
    conn: sa.Connection,
    source_key: str,
    source: SourceSettings,
    reason: str,
    notice: Notice,
    count: int,
) -> None:
    raise_alert(
        conn,
        dedupe_key=f"notice:{source_key}:{reason}",
        severity=notice.severity,
        facts={
            "source": source_key,
            "text": notice.text,
            "text_zh": notice.text_zh,
            "mend": notice.action,
            "mend_zh": notice.action_zh,
        },
        merchant=source.merchant,
        owner=source.owner or None,
        count=count,
    )
