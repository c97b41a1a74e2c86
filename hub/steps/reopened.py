"""Records of the archive that a batch maps anew: where they stood, and what stays as it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from hub.crm.leads import revisions_of_records
from hub.finance import documents
from hub.inbox import records
from hub.model.outcome import Outcome
from hub.steps.prepare import Work


def leave_standings(raw: psycopg.Connection[Any], reopened: Sequence[Work]) -> dict[UUID, str]:
    """Take reopened records out of where they stood; record → that standing."""
    ids = [work.record_id for work in reopened]
    if not ids:
        return {}
    return {
        record: standing
        for standing in records.STANDINGS
        for record in records.take_standing(raw, standing, ids)
    }


def keep_loaded(
    raw: psycopg.Connection[Any], reopened: Sequence[Work], before: dict[UUID, str]
) -> None:
    """A record that is in the CRM or the books stays there when a newer mapping cannot take it.

    Args:
        raw: The open transaction.
        reopened: Works of archived records; one that is held or waits gets its old outcome back.
        before: Record → where it stood; completed by those that had loaded.
    """
    if not reopened:
        return
    by_id = {work.record_id: work for work in reopened}
    ids = list(by_id)
    standing = [
        (row.record_id, row.outcome, row.mapping_version)
        for find in (revisions_of_records, documents.revisions_of_records)
        for row in find(raw, ids)
        if row.ordinal == 0
    ]
    for record, outcome, version in standing:
        before[record] = outcome
        work = by_id[record]
        if work.outcome in (Outcome.HELD, Outcome.WAITING):
            work.outcome, work.mapping = outcome, version
