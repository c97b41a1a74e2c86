"""Request bodies: read from ASGI within a limit, content encoding undone within the same limit."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from hub.errors import RefusedError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_GZIP = ("gzip", "x-gzip")
_GZIP_WBITS = 31
_MAX_MEMBERS = 16


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """Headers with lower-case names; of a repeated one the last stands."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """The body's raw bytes after content decoding, at most `limit` bytes before and after it.

    Raises:
        RefusedError: 413 too long (told before it is read, where a length says so), 415 an
            encoding that we do not know, 400 one that does not hold what it says, or a client
            that left.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", *_GZIP):
        raise RefusedError("unsupported_content_encoding", status=415)
    length = headers.get("content-length")
    if length is not None and (not length.isdecimal() or int(length) > limit):
        raise _too_large()
    body = await _read_raw(receive, limit)
    return gunzip(body, limit) if encoding in _GZIP else body


async def _read_raw(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")  # the usual case: one message, no copy
        if len(body) > limit:
            raise _too_large()
        return body
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise RefusedError("client_disconnected", status=400)
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:  # a chunked body has no length to look at beforehand
            raise _too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def gunzip(data: bytes, limit: int) -> bytes:
    """`data` decompressed, never holding more than `limit` + 1 bytes of it; members are joined.

    Raises:
        RefusedError: 413 it would be longer than `limit`; 400 it is no complete gzip.
    """
    plain = b""
    members = 0
    while data:
        members += 1
        if members > _MAX_MEMBERS:  # thousands of empty members would cost a copy of the rest each
            raise RefusedError("bad_content_encoding", status=400)
        inflater = zlib.decompressobj(_GZIP_WBITS)
        try:
            plain += inflater.decompress(data, limit + 1 - len(plain))
        except zlib.error as error:
            raise RefusedError("bad_content_encoding", status=400) from error
        if len(plain) > limit:
            raise _too_large()
        if not inflater.eof:
            raise RefusedError("bad_content_encoding", status=400)
        data = inflater.unused_data.lstrip(b"\0")  # gzip allows zero padding after a member
    return plain


def _too_large() -> RefusedError:
    return RefusedError("body_too_large", status=413)
