"""What a connector is handed for its calls, and what one with OAuth must be able to do.

The connector knows the platform's calls; who keeps the tokens and the cursors is a step. These are
the seams between the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx

from hub.connectors.limits import RateLimiter
from hub.connectors.resolving import Quota
from hub.errors import ConfigError
from hub.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class TokenSet:
    """An access token and, where the platform has one, the refresh token that renews it.

    Expiries are aware instants. `accounts` are the platform accounts that the grant covers, as the
    platform names them. `refreshes_left` is how often the platform will still renew the grant, None where
    it does not count. Tokens never show in a `repr`.
    """

    access_token: str = field(repr=False)
    access_expires_at: datetime | None
    refresh_token: str = field(default="", repr=False)
    refresh_expires_at: datetime | None = None
    accounts: tuple[str, ...] = ()
    refreshes_left: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One account that a grant covers, as the platform lists it."""

    external_id: str
    name: str
    role: str


class TokenSource(Protocol):
    """Where calls get their access token."""

    async def access_token(self, *, stale: str | None = None) -> str:
        """A token that should work now; `stale` is the one that the platform has just refused.

        Raises:
            AuthorizationLostError: there is no grant, or it is gone: a person must authorise again.
            TransientError: it could not be renewed this time.
        """
        ...


class NoTokens:
    """The `TokenSource` of a platform whose calls are signed with an access key."""

    async def access_token(self, *, stale: str | None = None) -> str:
        """Nothing.

        Raises:
            ConfigError: always: such a call takes no token.
        """
        raise ConfigError("calls of this platform are signed; they take no token")


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


def _fresh_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=httpx.Timeout(30.0), follow_redirects=False)


@dataclass(frozen=True, slots=True)
class PullPorts:
    """All that a pull or a resolver needs from outside.

    `fingerprint` is a keyed digest of its parts: what is stored in a cursor may be made of personal
    data, and a plain hash of a phone number can be reversed. `quota` counts what a platform allows a day;
    which day it is, `now` says.
    """

    tokens: TokenSource
    fingerprint: Callable[..., str]
    limiter: RateLimiter
    quota: Quota | None = None
    http: Callable[[], httpx.AsyncClient] = _fresh_client
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], datetime] = utc_now


class SessionConnector(Protocol):
    """A connector whose pulls run in a session that it opens itself."""

    def session(self, source: SourceSettings, ports: PullPorts) -> Any:  # noqa: ANN401 -- each connector defines its own session
        """An async context manager giving the session that `pages` takes.

        Raises:
            ConfigError: the options of the source are wrong; says which.
        """
        ...


class OAuthConnector(Protocol):
    """A platform where a person grants access. Calls are synchronous: they run under a row lock."""

    def authorize_url(self, source: SourceSettings, *, state: str, redirect_uri: str) -> str:
        """The address at which a person grants access; it comes back to `redirect_uri`."""
        ...

    def exchange(
        self, http: httpx.Client, source: SourceSettings, code: str, *, now: datetime
    ) -> TokenSet:
        """Tokens for a code that the platform has just given. Codes work once."""
        ...

    def refresh(
        self, http: httpx.Client, source: SourceSettings, refresh_token: str, *, now: datetime
    ) -> TokenSet:
        """A new pair. The platform may kill the old one at once: store the answer before using it.

        Raises:
            AuthorizationLostError: the refresh token is dead.
            TransientError: the platform did not answer or is busy.
        """
        ...

    def accounts(
        self, http: httpx.Client, source: SourceSettings, access_token: str
    ) -> list[Account]:
        """The accounts that the grant covers, now.

        A platform that cannot be asked has no such method: then what came with the tokens counts.
        """
        ...

    def is_ready(self, source: SourceSettings) -> bool:
        """Whether the source is configured for OAuth (an application id stands in its options)."""
        ...

    def grant_holder(self, source: SourceSettings) -> str:
        """The key of the source whose grant this one uses, "" for its own.

        One grant often covers many accounts, and where a new one kills the old, two sources that each
        authorised would take turns in losing theirs.
        """
        ...

    def warn_days(self, source: SourceSettings) -> int:
        """How many days before the refresh token dies a person is told.

        A platform that counts refreshes also has `warn_refreshes(source)`: how few left are told.
        """
        ...


class SelfIssuedConnector(Protocol):
    """A platform that gives an application its token for its own secret: no person is needed.

    Calls are synchronous: they run under the row lock, so that one process asks and all others read.
    """

    def issues_tokens(self, source: SourceSettings) -> bool:
        """Whether this source gets its token so (a platform may know both ways)."""
        ...

    def issue(self, http: httpx.Client, source: SourceSettings, *, now: datetime) -> TokenSet:
        """A token.

        Raises:
            ConfigError: the secret is not set.
            AuthorizationLostError: the platform does not accept application or secret.
            TransientError: it did not answer or is busy.
        """
        ...
