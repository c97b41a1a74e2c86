"""Calls to a customer's site: signed or in a session, bounded retries, one call at a time."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from hub.connectors.api_session import ApiSession
from hub.connectors.http import RetryPolicy, raise_for_http, send
from hub.connectors.kingdee.answers import SESSION_LOST, STALE, Rows, checked_rows
from hub.connectors.kingdee.options import KingdeeOptions, check_pulls, options_of, secret_of
from hub.connectors.kingdee.signing import Application, signed_headers
from hub.connectors.limits import Limit
from hub.connectors.sessions import PullPorts
from hub.errors import AuthorizationLostError, PlatformRejectedError
from hub.settings import SourceSettings

_STUB = "Kingdee.BOS.WebApi.ServicesStub"
QUERY = f"{_STUB}.DynamicFormService.ExecuteBillQuery"
LOGIN = f"{_STUB}.AuthService.ValidateUser"
_LOGGED_IN = 1


class _Login(msgspec.Struct):
    result: int = msgspec.field(name="LoginResultType")


@dataclass(frozen=True, slots=True)
class Answer:
    """A page: its rows, and the body that they stand in."""

    rows: Rows
    body: bytes


class KingdeeSession(ApiSession):
    """One pull's calls. Use it as an async context manager; it closes its HTTP client, and its cookies with it."""

    def __init__(self, source: SourceSettings, ports: PullPorts) -> None:
        check_pulls(source)
        self.options = options_of(source)
        self.page_size = min(source.pull.page_size, self.options.largest_page)
        policy = RetryPolicy(tries=self.options.tries, budget_s=self.options.retry_budget_s)
        super().__init__(ports, policy)
        self._app = _application(self.options) if self.options.auth == "signed" else None
        self._is_logged_in = False

    async def query(self, document: Mapping[str, Any]) -> Answer:
        """What ExecuteBillQuery answers.

        A signature that is too old and a session that is over are tried once more, with a new one.

        Raises:
            TransientError: still failing after all tries.
            PlatformRejectedError: an answer that a retry does not change.
        """

        async def attempt() -> bytes:
            return await self._asked(document)

        renewed = False
        while True:
            try:
                body = await self.retried(attempt)
            except PlatformRejectedError as error:
                if renewed or error.code not in (STALE, SESSION_LOST):
                    raise
                renewed, self._is_logged_in = True, False
                continue
            return Answer(msgspec.json.decode(body, type=Rows), body)

    async def _asked(self, document: Mapping[str, Any]) -> bytes:
        if self._app is None and not self._is_logged_in:
            await self._log_in()
        response = await self._post(QUERY, {"data": document})
        checked_rows(response)
        return response.content

    async def _log_in(self) -> None:
        """Open a session; its cookie stays with the HTTP client.

        Raises:
            AuthorizationLostError: the site does not accept the user.
        """
        options = self.options
        fields = {
            "acctID": options.acct_id,
            "username": options.user,
            "password": secret_of(options.password_env),
            "lcid": options.lcid,
        }
        body = {"parameters": list(fields.values())} if options.login_positional else fields
        response = await self._post(LOGIN, body)
        raise_for_http(response)
        try:
            result = msgspec.json.decode(response.content, type=_Login).result
        except (ValueError, RecursionError):
            result = 0
        if result != _LOGGED_IN:
            raise AuthorizationLostError(
                "the site did not accept user and password", code=f"login_{result}"
            )
        self._is_logged_in = True

    async def _post(self, service: str, document: Mapping[str, Any]) -> httpx.Response:
        limits: dict[Hashable, Limit] = {
            ("kingdee", self.options.site): Limit(self.options.calls_per_s)
        }
        await self.ports.limiter.acquire(limits)
        path = f"/{self.options.context}/{service}.common.kdsvc"
        request = self._http.build_request("POST", self.options.site + path, json=document)
        if self._app is not None:
            now = int(self.ports.now().timestamp())
            request.headers.update(signed_headers(self._app, request.url.path, timestamp=now))
        return await send(self._http, request)


def _application(options: KingdeeOptions) -> Application:
    return Application(
        app_id=options.app_id,
        secret=secret_of(options.secret_env),
        acct_id=options.acct_id,
        user=options.user,
        lcid=options.lcid,
        org=options.org,
    )
