"""TCCC's list of calls, `DescribeTelCdr`: how a call of Tencent Cloud API 3.0 is signed, asked, answered.

Source: the vendor's pages "Signature v3" (with an example, which is a test) and DescribeTelCdr.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import httpx
import msgspec

from hub.connectors.call400.credentials import Credentials
from hub.connectors.call400.listings import TCCC_LIST, decoded, listing_of, text_of
from hub.connectors.http import raise_for_http
from hub.connectors.windows import Ask, Listing
from hub.errors import HubError, PlatformDownError, PlatformRejectedError, RateLimitedError

BASE = "https://ccc.tencentcloudapi.com"
PAGE_SIZES = (1, 100)
_ACTION, _VERSION, _SERVICE = "DescribeTelCdr", "2020-02-10", "ccc"
_ALGORITHM = "TC3-HMAC-SHA256"
_SIGNED_HEADERS = "content-type;host"
CONTENT_TYPE = "application/json; charset=utf-8"
# Codes that end with the load or the trouble that they speak of; `X.Y` are kinds of `X`.
_BUSY = "RequestLimitExceeded"
_BROKEN = ("InternalError", "ServiceUnavailable")
_CODE_SHOWN = 80


class _Error(msgspec.Struct):
    code: str = msgspec.field(name="Code", default="")


class _Calls(msgspec.Struct):
    items: list[msgspec.Raw] | None = msgspec.field(name="TelCdrList", default=None)
    total: int | None = msgspec.field(name="TotalCount", default=None)
    error: _Error | None = msgspec.field(name="Error", default=None)


class _Answer(msgspec.Struct):
    response: _Calls = msgspec.field(name="Response")


class _Head(msgspec.Struct):
    session_id: str | int | None = msgspec.field(name="SessionId", default=None)


def authorization(
    credentials: Credentials, *, host: str, service: str, payload: bytes, now: datetime
) -> str:
    """The header `Authorization` of a POST of `payload` to the root of `host`.

    Signed are content type, host and payload. The vendor takes a `now` up to five minutes off.
    """
    canonical = "\n".join(
        (
            "POST",
            "/",
            "",
            f"content-type:{CONTENT_TYPE}",
            f"host:{host}",
            "",
            _SIGNED_HEADERS,
            hashlib.sha256(payload).hexdigest(),
        )
    )
    day = now.astimezone(UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{int(now.timestamp())}\n{scope}\n{hashed}"
    key = b"TC3" + credentials.secret.encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return (
        f"{_ALGORITHM} Credential={credentials.key_id}/{scope},"
        f" SignedHeaders={_SIGNED_HEADERS}, Signature={signature}"
    )


class TcccApi:
    """One application's calls (`SdkAppId`), inbound and outbound, over the last 180 days."""

    shape = TCCC_LIST
    page_sizes = PAGE_SIZES
    most: int | None = None
    kept_days: int | None = 180

    def __init__(self, credentials: Credentials, *, base: str, sdk_app_id: int) -> None:
        self._credentials = credentials
        self._base = base or BASE
        self._sdk_app_id = sdk_app_id

    def request(self, http: httpx.AsyncClient, page: Ask, now: datetime) -> httpx.Request:
        """A page of calls, signed at `now`. The vendor counts pages from 0."""
        document = {
            "StartTimeStamp": int(page.start.timestamp()),
            "EndTimeStamp": int(page.end.timestamp()),
            "SdkAppId": self._sdk_app_id,
            "PageSize": page.size,
            "PageNumber": page.number - 1,
        }
        payload = msgspec.json.encode(document)
        request = http.build_request("POST", f"{self._base}/", content=payload)
        signed = authorization(
            self._credentials,
            host=request.headers["host"],
            service=_SERVICE,
            payload=payload,
            now=now,
        )
        request.headers.update(
            {
                "Authorization": signed,
                "Content-Type": CONTENT_TYPE,
                "X-TC-Action": _ACTION,
                "X-TC-Version": _VERSION,
                "X-TC-Timestamp": str(int(now.timestamp())),
            }
        )
        return request

    def check(self, response: httpx.Response) -> bytes:
        """The body of an answer without an error.

        Raises:
            RateLimitedError, PlatformDownError: codes that a later call may not meet.
            PlatformRejectedError: any other code. The vendor's words are not repeated.
        """
        answer = decoded(response.content, _Answer)
        if answer is not None and answer.response.error is not None:
            raise _error_of(answer.response.error.code)
        raise_for_http(response)
        return response.content

    def read(self, body: bytes, size: int) -> Listing | None:
        """See `read_page`."""
        return read_page(body, size)

    def identity(self, item: bytes) -> str | None:
        """The session's id: the key that pushes of the call have, too."""
        head = decoded(item, _Head)
        return text_of(head.session_id) if head else None


def read_page(body: bytes, size: int = 1) -> Listing | None:
    """The calls on a page of at most `size`, None if it holds no list."""
    answer = decoded(body, _Answer)
    if answer is None or (answer.response.items is None and answer.response.total != 0):
        return None
    return listing_of(answer.response.items, answer.response.total, size)


def _error_of(code: str) -> HubError:
    shown = code[:_CODE_SHOWN] or "none"
    words = f"the platform refused with code {shown}"
    kind = code.partition(".")[0]
    if kind == _BUSY:
        return RateLimitedError(words, dimension="api")
    if kind in _BROKEN:
        return PlatformDownError(words)
    return PlatformRejectedError(words, code=shown)
