"""What sessions of calls share: an HTTP client for their time, bounded retries, a token that is replaced once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from hub.connectors.code_table import TokenStaleError
from hub.connectors.http import RetryPolicy, retried
from hub.connectors.sessions import PullPorts
from hub.errors import AuthorizationLostError, HubError


class ApiSession:
    """Use it as an async context manager; it closes its HTTP client."""

    def __init__(self, ports: PullPorts, policy: RetryPolicy) -> None:
        self.ports = ports
        self._http = ports.http()
        self._policy = policy

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def retried(self, attempt: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer of `attempt`, tried again as the policy allows.

        Raises:
            TransientError: still failing after all tries. Others at once.
        """
        return await retried(attempt, self._policy, self.ports.sleep)

    async def with_token(
        self,
        once: Callable[[str], Awaitable[bytes]],
        *,
        before_retry: Callable[[HubError], None] = lambda _: None,
    ) -> bytes:
        """The answer of `once`, which is handed an access token; a dead one is replaced once in a call.

        `before_retry` sees every other error and may set how long it is waited.

        Raises:
            TransientError: still failing after all tries.
            PlatformRejectedError, AuthorizationLostError: a code that a retry does not change.
        """
        stale: str | None = None

        async def attempt() -> bytes:
            nonlocal stale
            token = await self.ports.tokens.access_token(stale=stale)
            try:
                return await once(token)
            except TokenStaleError as error:
                if stale is not None:  # a second refusal is no matter of age
                    raise AuthorizationLostError(str(error), code=error.code) from None
                stale = token
            except HubError as error:
                before_retry(error)
                raise
            return await attempt()

        return await self.retried(attempt)
