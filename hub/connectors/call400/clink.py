"""Ti-Net's list of calls that came in, clink `list_cdr_ibs`: how a call is signed, asked, answered.

Source: the vendor's SDK (signature with its own test, request, response and record models).
"""

from __future__ import annotations

import base64
import hmac
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import httpx
import msgspec

from hub.connectors.call400.credentials import Credentials
from hub.connectors.call400.listings import CLINK_LIST, decoded, listing_of, text_of
from hub.connectors.call400.options import CallOptions
from hub.connectors.http import raise_for_http
from hub.connectors.windows import Ask, Listing
from hub.errors import ConfigError

PAGE_SIZES = (10, 100)
_MOST = 100_000  # offset and limit together


class _WithoutSignatures(logging.Filter):
    """Drops the HTTP client's line about a signed address: until it expires, it opens the list."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written."""
        return "AccessKeyId=" not in record.getMessage()


def keep_signatures_out_of_logs() -> None:
    """Put the filter on the HTTP client's log, once."""
    log = logging.getLogger("httpx")
    if not any(isinstance(each, _WithoutSignatures) for each in log.filters):
        log.addFilter(_WithoutSignatures())


class _Page(msgspec.Struct, rename="camel"):
    cdr_ibs: list[msgspec.Raw] | None = None
    total_count: int | None = None


class _Head(msgspec.Struct, rename="camel"):
    unique_id: str | int | None = None


def canonical_query(parameters: Mapping[str, str]) -> str:
    """`parameters` form-encoded and sorted by name: what is signed, and what is sent."""
    pairs = sorted((quote_plus(name), quote_plus(value)) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signature(secret: str, *, method: str, host: str, path: str, query: str) -> str:
    """base64 of HMAC-SHA1 over method, host, path and the sorted query; not yet URL-encoded."""
    text = f"{method}{host}/{path}?{query}"
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()


def require_base(options: CallOptions) -> None:
    """Nothing if the source says where its enterprise is.

    Raises:
        ConfigError: it does not; the vendor has two places and neither is the default.
    """
    if not options.api_base:
        raise ConfigError(
            "set options.api_base of the clink source: https://api-bj.clink.cn or"
            " https://api-sh.clink.cn, wherever the enterprise is"
        )


class ClinkApi:
    """One enterprise's calls that came in; a window of at most a month, of which 100,000 are listed."""

    shape = CLINK_LIST
    page_sizes = PAGE_SIZES
    most: int | None = _MOST
    kept_days: int | None = None

    def __init__(self, credentials: Credentials, options: CallOptions) -> None:
        require_base(options)
        keep_signatures_out_of_logs()
        self._credentials = credentials
        self._options = options

    def request(self, http: httpx.AsyncClient, page: Ask, now: datetime) -> httpx.Request:
        """A page of calls, signed at `now`.

        The vendor's SDK signs `/path?` and sends `/path/?`; so do we, unless options.clink_slash is false.
        """
        options = self._options
        parameters = self._parameters(page, now)
        query = canonical_query(parameters)
        host = httpx.URL(options.api_base).netloc.decode()
        signed = signature(
            self._credentials.secret, method="GET", host=host, path=options.clink_path, query=query
        )
        slash = "/" if options.clink_slash else ""
        address = f"{options.api_base}/{options.clink_path}{slash}"
        return http.build_request("GET", f"{address}?{query}&Signature={quote_plus(signed)}")

    def _parameters(self, page: Ask, now: datetime) -> dict[str, str]:
        asked: dict[str, Any] = {
            "AccessKeyId": self._credentials.key_id,
            "Expires": self._options.clink_expires_s,
            "Timestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "startTime": int(page.start.timestamp()),
            "endTime": int(page.end.timestamp()),
            "limit": page.size,
            "offset": page.offset,
        }
        if self._options.clink_hidden_type is not None:
            asked["hiddenType"] = self._options.clink_hidden_type
        return {name: str(value) for name, value in asked.items()}

    def check(self, response: httpx.Response) -> bytes:
        """The body of a good answer: no table of codes is public, so the HTTP status decides.

        Raises:
            RateLimitedError, PlatformDownError, PlatformRejectedError: see `raise_for_http`.
        """
        raise_for_http(response)
        return response.content

    def read(self, body: bytes, size: int) -> Listing | None:
        """See `read_page`."""
        return read_page(body, size)

    def identity(self, item: bytes) -> str | None:
        """The call's unique id."""
        head = decoded(item, _Head)
        return text_of(head.unique_id) if head else None


def read_page(body: bytes, size: int = 1) -> Listing | None:
    """The calls on a page of at most `size`, None if it holds no list."""
    page = decoded(body, _Page)
    if page is None or (page.cdr_ibs is None and page.total_count != 0):
        return None
    return listing_of(page.cdr_ibs, page.total_count, size)
