"""Grants: sending a person to a consent page, trading codes for tokens, and one writer of tokens.

A platform may kill the old pair the moment it answers with a new one. So tokens are renewed under a
row lock, by whoever gets it; who waited reads what the first one stored. The new pair is committed
before anyone uses it. What remains: a process that dies between the platform's answer and our commit
takes the only copy with it, and a person must authorise again. That gap is kept short: the row is
written to before the platform is asked (a full or read-only database shows itself there), and a
commit that fails is tried again on new connections while the pair is in memory.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.connectors.sessions import Account, TokenSet
from hub.database.engine import store_errors
from hub.errors import AuthorizationLostError, RefusedError, StoreAwayError
from hub.ops import tokens
from hub.ops.tokens import StoredToken
from hub.settings import HubSettings
from hub.steps.sources.grant import Grant
from hub.steps.sources.grant_alerts import note_lost, save_grant

STATE_LIFETIME = timedelta(minutes=10)
# Renew a little early: a token must outlive the call that is about to use it.
EARLY = timedelta(minutes=5)
TRY_AGAIN = timedelta(minutes=5)
_COMMIT_TRIES = 3


def begin_authorization(grant: Grant, settings: HubSettings, *, now: datetime) -> str:
    """The address that a person opens to grant access; good for ten minutes, once."""
    state = secrets.token_urlsafe(24)
    url = grant.oauth.authorize_url(
        grant.source, state=state, redirect_uri=redirect_uri(settings, grant.source_key)
    )
    with store_errors(), grant.engine.begin() as conn:
        tokens.add_state(conn, state, grant.source_key, expires_at=now + STATE_LIFETIME, now=now)
    return url


def redirect_uri(settings: HubSettings, source_key: str) -> str:
    """Where the platform sends the browser back to; it must be registered at the platform."""
    return f"{settings.public_url.rstrip('/')}/oauth/{source_key}/callback"


def finish_in_browser(grant: Grant, *, state: str, code: str, now: datetime) -> TokenSet:
    """Tokens for the code that a browser brought back.

    Raises:
        RefusedError: 400, the state is unknown, used or too old: somebody else's link.
        HubError: the platform did not take the code.
    """
    with store_errors(), grant.engine.begin() as conn:
        is_ours = tokens.take_state(conn, state, grant.source_key, now=now)
    if not is_ours:
        raise RefusedError(
            "state_unknown", status=400, message="start again: hub source authorize"
        )
    return finish_authorization(grant, code=code, now=now)


def finish_authorization(grant: Grant, *, code: str, now: datetime) -> TokenSet:
    """Trade `code` for tokens and store them; a new grant replaces the earlier one.

    Raises:
        AuthorizationLostError: the code is wrong, used or older than the platform allows.
        TransientError, PlatformRejectedError, ConfigError: as the platform or the settings say.
    """
    with grant.http() as http:
        found = grant.oauth.exchange(http, grant.source, code, now=now)
    _store(grant, found, now)
    return found


def current_tokens(grant: Grant, *, now: datetime, stale: str | None = None) -> TokenSet:
    """Tokens that should work at `now`: the stored ones, or a new pair that is committed already.

    `stale` is an access token that the platform has just refused. Blocks; see `TokenStore` for tasks.

    Raises:
        AuthorizationLostError: never authorised, or the grant is gone; the loss is stored and alerted.
        TransientError: the platform or the database did not answer.
    """
    with store_errors(), grant.engine.begin() as conn:
        row = tokens.read_token(conn, grant.source_key)
    if row is not None and row.lost and now - row.updated_at < TRY_AGAIN:
        raise grant.lost(
            row.detail
        )  # platforms lock out who goes on with a secret that they refused
    found = _opened(grant, row)
    if found is not None and _is_good(found, stale, now):
        return found
    try:
        return _renew(grant, now=now, stale=stale)
    except AuthorizationLostError as error:
        note_lost(grant, row.sealed if row else None, error, now=now)
        raise


def _opened(grant: Grant, row: StoredToken | None) -> TokenSet | None:
    """The tokens of a row; None where the application may ask for its first one, or again."""
    if grant.is_self_issued and (row is None or row.lost or row.sealed is None):
        return None
    if row is None:
        raise grant.lost("this source was never authorised")
    return grant.open(row)


def _is_good(found: TokenSet, stale: str | None, now: datetime) -> bool:
    expires_at = found.access_expires_at
    return found.access_token != stale and (expires_at is None or expires_at - EARLY > now)


def _renew(grant: Grant, *, now: datetime, stale: str | None) -> TokenSet:
    """A new pair under the row lock, or the one that somebody else has stored while we waited."""
    fresh: TokenSet | None = None
    try:
        with store_errors(), grant.engine.begin() as conn:
            if grant.is_self_issued:
                tokens.add_token(conn, grant.source_key, now=now)
            found = _opened(grant, tokens.lock_token(conn, grant.source_key, now=now))
            if found is not None and _is_good(found, stale, now):
                return found
            fresh = grant.renewed(found, now=now)
            save_grant(conn, grant.seal(fresh, now=now))
    except StoreAwayError:
        if fresh is None:
            raise
        # The platform has answered: this pair is the only one that works now.
        _store(grant, fresh, now)
    return fresh


def _store(grant: Grant, found: TokenSet, now: datetime) -> None:
    """Commit tokens; a lost connection is no reason to lose the only pair, so a few are tried."""
    row = grant.seal(found, now=now)
    for tries_left in reversed(range(_COMMIT_TRIES)):
        try:
            with store_errors(), grant.engine.begin() as conn:
                save_grant(conn, row)
        except StoreAwayError:
            if not tries_left:
                raise
        else:
            return


def granted_accounts(grant: Grant, *, now: datetime) -> list[Account]:
    """The accounts that the grant covers: asks the platform, or if it lists none says what came with the tokens.

    Raises:
        AuthorizationLostError, TransientError, PlatformRejectedError: as the platform says.
    """
    found = current_tokens(grant, now=now)
    if not hasattr(grant.oauth, "accounts"):
        return [Account(external_id, name="", role="") for external_id in found.accounts]
    with grant.http() as http:
        return grant.oauth.accounts(http, grant.source, found.access_token)


@dataclass(frozen=True, slots=True)
class TokenStore:
    """`current_tokens` for tasks: the wait for the row lock happens in a thread."""

    grant: Grant
    now: Callable[[], datetime]

    async def access_token(self, *, stale: str | None = None) -> str:
        """An access token that should work now; see `current_tokens` for errors."""
        found = await asyncio.to_thread(current_tokens, self.grant, now=self.now(), stale=stale)
        return found.access_token
