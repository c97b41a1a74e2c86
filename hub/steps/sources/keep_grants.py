"""Keep grants alive, and tell a person before only a person can help.

A source that is only pushed makes no calls, so nobody would notice that its grant runs out, that a
re-authorisation left an account out, or that another vendor has taken the binding over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.connectors.base import connector_for
from hub.connectors.sessions import Account
from hub.database.engine import store_errors
from hub.errors import AuthorizationLostError, HubError, StoreError
from hub.ops import granted, tokens
from hub.ops.granted import AccountChange
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.authorize import current_tokens, granted_accounts
from hub.steps.sources.grant import Grant, HttpFactory, fresh_client, grant_of, issues_tokens
from hub.steps.sources.grant_alerts import warn_of_expiry

# A refresh token that dies within this time is traded for a new one, whatever the access token's age.
RENEW_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class GrantReport:
    """One grant after a look: a word (good, missing, lost, refused), and what to say about it."""

    source_key: str
    state: str
    accounts: int = 0
    vanished: tuple[str, ...] = ()
    detail: str = ""


def keep_grants(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    *,
    now: datetime,
    http: HttpFactory = fresh_client,
) -> list[GrantReport]:
    """Renew what is about to run out, ask which accounts are covered, alert; one report a grant.

    Raises:
        StoreError: the database refused or is away.
    """
    reports = []
    for source_key in _holders(settings):
        grant = grant_of(engine, keyring, settings, source_key, http=http)
        try:
            reports.append(_keep(grant, now=now))
        except AuthorizationLostError as error:
            state = "missing" if _never_authorised(grant) else "lost"
            reports.append(GrantReport(source_key, state, detail=str(error)))
        except StoreError:
            raise
        except HubError as error:
            reports.append(GrantReport(source_key, "refused", detail=str(error)))
    return reports


def note_accounts(grant: Grant, accounts: Iterable[Account], *, now: datetime) -> AccountChange:
    """Remember which accounts the grant covers now; alert while one that it covered is left out."""
    named = {one.external_id: one.name for one in accounts}
    key = f"grant-accounts:{grant.source_key}"
    with store_errors(), grant.engine.begin() as conn:
        change = granted.replace_accounts(conn, grant.source_key, named, now=now)
        gone = granted.vanished_accounts(conn, grant.source_key)
        if not gone:
            close_alert(conn, key)
        elif change.vanished:
            raise_alert(
                conn,
                dedupe_key=key,
                severity="critical",
                facts={"source": grant.source_key, "accounts": gone},
                merchant=grant.source.merchant,
                owner=grant.source.owner or None,
            )
    return change


def note_after_authorization(grant: Grant, *, now: datetime) -> AccountChange | None:
    """`note_accounts` right after a person has granted; None if the platform would not list them."""
    try:
        return note_accounts(grant, granted_accounts(grant, now=now), now=now)
    except StoreError:
        raise
    except HubError:
        return None


def _keep(grant: Grant, *, now: datetime) -> GrantReport:
    if not grant.is_self_issued:
        _renew_early(grant, now=now)
        warn_of_expiry(grant, now=now)
    accounts = granted_accounts(grant, now=now)
    change = note_accounts(grant, accounts, now=now)
    return GrantReport(grant.source_key, "good", change.covered, change.vanished)


def _renew_early(grant: Grant, *, now: datetime) -> None:
    with store_errors(), grant.engine.begin() as conn:
        row = tokens.read_token(conn, grant.source_key)
    if row is None or row.lost or row.refresh_expires_at is None:
        current_tokens(grant, now=now)
        return
    is_near = row.refresh_expires_at - RENEW_BEFORE < now
    stale = grant.open(row).access_token if is_near else None
    current_tokens(grant, now=now, stale=stale)


def _never_authorised(grant: Grant) -> bool:
    with store_errors(), grant.engine.begin() as conn:
        return tokens.read_token(conn, grant.source_key) is None


def _holders(settings: HubSettings) -> list[str]:
    """The sources that hold a grant of their own, or whose application gets its token by itself."""
    found = []
    for source_key, source in sorted(settings.all_sources().items()):
        connector = connector_for(source.platform)
        if issues_tokens(connector, source) or _is_holder(connector, source):
            found.append(source_key)
    return found


def _is_holder(connector: object, source: SourceSettings) -> bool:
    ready = getattr(connector, "is_ready", None)
    holder = getattr(connector, "grant_holder", None)
    return bool(ready and ready(source) and not (holder and holder(source)))
