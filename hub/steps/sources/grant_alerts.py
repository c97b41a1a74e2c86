"""What a person is told about a grant: that it is lost, taken over, or about to end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.database.engine import store_errors
from hub.errors import AuthorizationLostError
from hub.ops import tokens
from hub.ops.tokens import StoredToken
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.grant import Grant, grant_of

# A grant that ends so long before its time does not end by age.
_EARLY_LOSS = timedelta(days=1)


def save_grant(conn: sa.Connection, row: StoredToken) -> None:
    """Store tokens that work; what was told of their loss is over."""
    tokens.save_token(conn, row)
    close_alert(conn, f"grant-lost:{row.source_key}")


def note_lost(
    grant: Grant, sealed: bytes | None, error: AuthorizationLostError, *, now: datetime
) -> None:
    """Store that the grant is gone and alert, unless somebody has authorised again meanwhile."""
    with store_errors(), grant.engine.begin() as conn:
        if grant.is_self_issued:
            tokens.add_token(conn, grant.source_key, now=now)
        row = tokens.read_token(conn, grant.source_key)
        if not tokens.mark_lost(conn, grant.source_key, sealed, detail=_reason(error), now=now):
            return
        raise_alert(
            conn,
            dedupe_key=f"grant-lost:{grant.source_key}",
            severity="critical",
            facts={"source": grant.source_key, "command": grant.mend, **_early(row, now)},
            merchant=grant.source.merchant,
            owner=grant.source.owner or None,
        )


def _early(row: StoredToken | None, now: datetime) -> dict[str, str]:
    """A grant that ends before its time was taken away by somebody: say so, it is not age."""
    ends_at = row.refresh_expires_at if row else None
    if ends_at is None or ends_at - now < _EARLY_LOSS:
        return {}
    return {"case": "early", "until": ends_at.isoformat()}


def _reason(error: AuthorizationLostError) -> str:
    """Why the grant is gone, without what to do: that is said by whoever meets it later."""
    return f"the platform no longer accepts the grant (code {error.code})"


def warn_of_expiry(grant: Grant, *, now: datetime) -> bool:
    """Alert if the refresh token dies within the source's `warn_days`; whether it does.

    Each refresh gives a new refresh token, so this happens to a source that is not pulled. Where the
    platform counts refreshes, a person is told of the last few, too.
    """
    if grant.is_self_issued:
        return False
    _warn_of_last_refreshes(grant)
    ahead = timedelta(days=grant.oauth.warn_days(grant.source))
    with store_errors(), grant.engine.begin() as conn:
        row = tokens.read_token(conn, grant.source_key)
        ends_at = row.refresh_expires_at if row is not None and not row.lost else None
        if ends_at is None or ends_at - ahead > now:
            close_alert(conn, f"grant-expires:{grant.source_key}")
            return False
        raise_alert(
            conn,
            dedupe_key=f"grant-expires:{grant.source_key}",
            severity="warning",
            facts={"source": grant.source_key, "ends": ends_at.isoformat()},
            merchant=grant.source.merchant,
            owner=grant.source.owner or None,
            count=0,
        )
    return True


def _warn_of_last_refreshes(grant: Grant) -> None:
    """Alert while the platform will renew the grant only a few times more (`warn_refreshes`)."""
    few: Callable[[SourceSettings], int] | None = getattr(grant.oauth, "warn_refreshes", None)
    if few is None:
        return
    key = f"grant-refreshes:{grant.source_key}"
    with store_errors(), grant.engine.begin() as conn:
        row = tokens.read_token(conn, grant.source_key)
        is_there = row is not None and not row.lost and row.sealed is not None
        left = grant.open(row).refreshes_left if row is not None and is_there else None
        if left is None or left > few(grant.source):
            close_alert(conn, key)
            return
        raise_alert(
            conn,
            dedupe_key=key,
            severity="critical" if left == 0 else "warning",
            facts={"source": grant.source_key, "left": left},
            merchant=grant.source.merchant,
            owner=grant.source.owner or None,
            count=0,
        )


def warn_of_all(
    engine: sa.Engine, keyring: KeyRing, settings: HubSettings, *, now: datetime
) -> list[str]:
    """`warn_of_expiry` for every source that was authorised; the source keys it warned of."""
    with store_errors(), engine.begin() as conn:
        rows = tokens.all_tokens(conn)
    configured = settings.all_sources()
    keys = [row.source_key for row in rows if row.source_key in configured]
    return [
        key for key in keys if warn_of_expiry(grant_of(engine, keyring, settings, key), now=now)
    ]
