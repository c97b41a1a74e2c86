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
from typing import cast

import httpx
import msgspec
import sqlalchemy as sa

from hub.alerts.outbox import raise_alert
from hub.connectors.base import connector_for
from hub.connectors.sessions import Account, OAuthConnector, SelfIssuedConnector, TokenSet
from hub.database.engine import store_errors
from hub.errors import AuthorizationLostError, ConfigError, RefusedError, StoreAwayError
from hub.ops import tokens
from hub.ops.tokens import StoredToken
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings

STATE_LIFETIME = timedelta(minutes=10)
# Renew a little early: a token must outlive the call that is about to use it.
EARLY = timedelta(minutes=5)
TRY_AGAIN = timedelta(minutes=5)
_COMMIT_TRIES = 3
# Shorter than the database's lock_timeout, so that who waits for the lock outlasts the call.
_TIMEOUT_S = 15.0

HttpFactory = Callable[[], httpx.Client]


def fresh_client() -> httpx.Client:
    """A client for token calls."""
    return httpx.Client(timeout=httpx.Timeout(_TIMEOUT_S), follow_redirects=False)


class _Pair(msgspec.Struct):
    """What is sealed."""

    access: str
    refresh: str
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens in the store, under the key of the source that holds them: who asks (`oauth`), who opens them."""

    engine: sa.Engine
    keyring: KeyRing
    source_key: str
    source: SourceSettings
    oauth: OAuthConnector
    http: HttpFactory = fresh_client

    @property
    def is_self_issued(self) -> bool:
        """Whether the application gets its token by its own secret, without a person."""
        return issues_tokens(self.oauth, self.source)

    def renewed(self, found: TokenSet | None, *, now: datetime) -> TokenSet:
        """A new token: issued, or for the refresh token of `found`.

        Raises:
            AuthorizationLostError, TransientError, ConfigError: as the platform says.
        """
        with self.http() as http:
            if self.is_self_issued:
                return cast(SelfIssuedConnector, self.oauth).issue(http, self.source, now=now)
            if found is None:
                raise self.lost("this source was never authorised")
            return self.oauth.refresh(http, self.source, found.refresh_token, now=now)

    def seal(self, found: TokenSet, *, now: datetime) -> StoredToken:
        """`found` as a row, sealed for this source and no other."""
        pair = _Pair(found.access_token, found.refresh_token, found.accounts)
        sealed = self.keyring.seal(msgspec.msgpack.encode(pair), self.source_key.encode())
        return StoredToken(
            source_key=self.source_key,
            sealed=sealed,
            access_expires_at=found.access_expires_at,
            refresh_expires_at=found.refresh_expires_at,
            lost=False,
            detail="",
            updated_at=now,
        )

    def open(self, row: StoredToken) -> TokenSet:
        """The tokens of a row.

        Raises:
            AuthorizationLostError: the grant is gone, or there are no tokens.
            UnsealError: the row was sealed with a key that we do not have.
        """
        if row.lost or row.sealed is None:
            raise self.lost(row.detail or "the grant is gone")
        plain = self.keyring.unseal(row.sealed, self.source_key.encode())
        pair = msgspec.msgpack.decode(plain, type=_Pair)
        return TokenSet(
            access_token=pair.access,
            access_expires_at=row.access_expires_at,
            refresh_token=pair.refresh,
            refresh_expires_at=row.refresh_expires_at,
            accounts=pair.accounts,
        )

    def lost(self, why: str) -> AuthorizationLostError:
        """The error that says that a person must authorise again, and how."""
        return AuthorizationLostError(f"{why}; run `{self.mend}`", code="not_authorised")

    @property
    def mend(self) -> str:
        """The command that a lost grant needs."""
        does = "check" if self.is_self_issued else "authorize"
        return f"hub source {does} {self.source_key}"


def issues_tokens(connector: object, source: SourceSettings) -> bool:
    """Whether a source gets its token by its application's secret: nobody needs to authorise it."""
    issues = getattr(connector, "issues_tokens", None)
    return issues is not None and bool(issues(source))


def grant_of(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    source_key: str,
    *,
    http: HttpFactory = fresh_client,
) -> Grant:
    """The grant that a configured source uses: its own, or that of the source it names.

    Raises:
        ConfigError: no such source, or its platform has no OAuth.
    """
    source = configured_source(settings, source_key)
    connector = connector_for(source.platform)
    oauth = cast(OAuthConnector, connector)
    if issues_tokens(connector, source):
        return Grant(engine, keyring, source_key, source, oauth, http)
    if not hasattr(connector, "authorize_url"):
        raise ConfigError(f"{source_key}: platform {source.platform} needs no authorisation")
    holder = oauth.grant_holder(source)
    if not holder:
        return Grant(engine, keyring, source_key, source, oauth, http)
    held_by = configured_source(settings, holder)
    if held_by.platform != source.platform or oauth.grant_holder(held_by):
        raise ConfigError(f"{source_key}: {holder} holds no grant of its own on {source.platform}")
    return Grant(engine, keyring, holder, held_by, oauth, http)


def configured_source(settings: HubSettings, source_key: str) -> SourceSettings:
    """The settings of a source.

    Raises:
        ConfigError: there is none under that key.
    """
    sources = settings.all_sources()
    if source_key not in sources:
        known = ", ".join(sorted(sources)) or "none"
        raise ConfigError(f"no source {source_key!r} in the settings; configured: {known}")
    return sources[source_key]


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
            tokens.save_token(conn, grant.seal(fresh, now=now))
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
                tokens.save_token(conn, row)
        except StoreAwayError:
            if not tries_left:
                raise
        else:
            return


def note_lost(
    grant: Grant, sealed: bytes | None, error: AuthorizationLostError, *, now: datetime
) -> None:
    """Store that the grant is gone and alert, unless somebody has authorised again meanwhile."""
    with store_errors(), grant.engine.begin() as conn:
        if grant.is_self_issued:
            tokens.add_token(conn, grant.source_key, now=now)
        if not tokens.mark_lost(conn, grant.source_key, sealed, detail=_reason(error), now=now):
            return
        raise_alert(
            conn,
            dedupe_key=f"grant-lost:{grant.source_key}",
            severity="critical",
            summary=f"source {grant.source_key}: the platform no longer accepts our grant",
            action=grant.mend,
            merchant=grant.source.merchant,
            owner=grant.source.owner or None,
        )


def _reason(error: AuthorizationLostError) -> str:
    """Why the grant is gone, without what to do: that is said by whoever meets it later."""
    return f"the platform no longer accepts the grant (code {error.code})"


def warn_of_expiry(grant: Grant, *, now: datetime) -> bool:
    """Alert if the refresh token dies within the source's `warn_days`; whether it does.

    Each refresh gives a new refresh token, so this happens to a source that is not pulled.
    """
    ahead = timedelta(days=grant.oauth.warn_days(grant.source))
    with store_errors(), grant.engine.begin() as conn:
        row = tokens.read_token(conn, grant.source_key)
        if row is None or row.lost or row.refresh_expires_at is None:
            return False
        if row.refresh_expires_at - ahead > now:
            return False
        raise_alert(
            conn,
            dedupe_key=f"grant-expires:{grant.source_key}",
            severity="warning",
            summary=(
                f"source {grant.source_key}: its grant ends at"
                f" {row.refresh_expires_at.isoformat(timespec='minutes')}"
            ),
            action=f"hub pull {grant.source_key} (renews it), or hub source authorize {grant.source_key}",
            merchant=grant.source.merchant,
            owner=grant.source.owner or None,
        )
    return True


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
