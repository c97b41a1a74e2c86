"""How a source stands: when its last delivery came, when it was last pulled, what its grant is worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import sqlalchemy as sa

from hub.connectors.base import connector_for
from hub.connectors.sessions import OAuthConnector
from hub.database.engine import store_errors
from hub.inbox.latest import last_delivery_at
from hub.ops.cursors import pulled_at
from hub.ops.tokens import StoredToken, read_token
from hub.settings import SourceSettings
from hub.steps.sources.grant import issues_tokens


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The state of one configured source. `grant` is a word: not needed, missing, good, expired, lost."""

    source_key: str
    source: SourceSettings
    last_delivery_at: datetime | None
    last_pull_at: datetime | None
    needs_grant: bool
    grant: str
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None


def source_status(
    engine: sa.Engine, source_key: str, source: SourceSettings, *, now: datetime
) -> SourceStatus:
    """The state of a source at `now`, from the store alone: no platform is asked.

    Raises:
        StoreError: the database refused or is away. ConfigError: an option of the source is wrong.
    """
    with store_errors(), engine.begin() as conn:
        row = read_token(conn, _holder(source) or source_key)
        delivered = last_delivery_at(conn, source_key)
        pulled = pulled_at(conn, source_key)
    needs_grant = needs_grant_of(source)
    return SourceStatus(
        source_key=source_key,
        source=source,
        last_delivery_at=delivered,
        last_pull_at=pulled,
        needs_grant=needs_grant,
        grant=_word(row, now, needs_grant=needs_grant),
        access_expires_at=row.access_expires_at if row else None,
        refresh_expires_at=row.refresh_expires_at if row else None,
    )


def needs_grant_of(source: SourceSettings) -> bool:
    """Whether a source does anything for which a person must have authorised it."""
    connector = connector_for(source.platform)
    if not hasattr(connector, "is_ready") or issues_tokens(connector, source):
        return False
    return bool(source.pulls) or cast(OAuthConnector, connector).is_ready(source)


def _holder(source: SourceSettings) -> str:
    """The source whose grant this one uses, "" for its own or none."""
    connector = connector_for(source.platform)
    if not hasattr(connector, "grant_holder"):
        return ""
    return cast(OAuthConnector, connector).grant_holder(source)


def _word(row: StoredToken | None, now: datetime, *, needs_grant: bool) -> str:
    if row is None:
        return "missing" if needs_grant else "not needed"
    if row.lost:
        return "lost"
    ends_at = row.refresh_expires_at
    return "expired" if ends_at is not None and ends_at <= now else "good"
