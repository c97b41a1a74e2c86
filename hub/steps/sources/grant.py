"""A grant: the tokens of a source in the store, sealed, and who asks the platform for new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import httpx
import msgspec
import sqlalchemy as sa

from hub.connectors.base import connector_for
from hub.connectors.sessions import OAuthConnector, SelfIssuedConnector, TokenSet
from hub.errors import AuthorizationLostError, ConfigError
from hub.ops.tokens import StoredToken
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings

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
    refreshes_left: int | None = None


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
        pair = _Pair(found.access_token, found.refresh_token, found.accounts, found.refreshes_left)
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
            refreshes_left=pair.refreshes_left,
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
