"""Bodies: limits hold before and after decoding, with a length and without; nothing is held beyond."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import pytest

from hub.errors import RefusedError
from hub.receiver.body import gunzip, read_body

LIMIT = 1000


def read(*messages: dict[str, Any], **headers: str) -> bytes:
    given = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(given)

    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(read_body(receive, names, LIMIT))


def chunk(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def refused(*messages: dict[str, Any], **headers: str) -> tuple[int, str]:
    with pytest.raises(RefusedError) as refusal:
        read(*messages, **headers)
    return refusal.value.status, refusal.value.reason


def test_a_body_comes_back_as_it_was_sent() -> None:
    text = "姓名=张三".encode("gbk")

    assert read(chunk(text), content_type="text/plain; charset=GBK") == text
    assert read(chunk(b"a", more=True), chunk(b""), content_encoding="identity") == b"a"
    assert read({"type": "http.request"}) == b""


def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    assert refused(content_length="1001") == (413, "body_too_large")
    assert refused(content_length="9" * 30) == (413, "body_too_large")
    assert refused(content_length="-1") == (413, "body_too_large")


def test_a_chunked_body_without_a_length_is_refused_once_it_is_too_long() -> None:
    assert refused(chunk(b"x" * 600, more=True), chunk(b"x" * 600, more=True))[0] == 413
    assert refused(chunk(b"x" * 1001))[0] == 413
    assert read(chunk(b"x" * 600, more=True), chunk(b"x" * 400)) == b"x" * 1000


def test_a_client_that_leaves_is_no_body() -> None:
    gone = {"type": "http.disconnect"}

    assert refused(chunk(b"x", more=True), gone) == (400, "client_disconnected")


def test_gzip_is_undone() -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0"

    assert read(chunk(packed), content_encoding="GZIP") == b"onetwo"


def test_a_gzip_bomb_is_refused_without_being_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 500_000)
    assert len(bomb) < LIMIT

    assert refused(chunk(bomb), content_encoding="gzip") == (413, "body_too_large")


def test_many_empty_members_are_refused() -> None:
    """Each would cost a copy of the rest."""
    assert refused(chunk(gzip.compress(b"") * 40), content_encoding="gzip")[0] == 400


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"x" * 100)[:-9], zlib.compress(b"x")])
def test_what_is_no_whole_gzip_is_refused(body: bytes) -> None:
    assert refused(chunk(body), content_encoding="gzip") == (400, "bad_content_encoding")


def test_exactly_the_limit_fits() -> None:
    assert len(gunzip(gzip.compress(b"x" * LIMIT), LIMIT)) == LIMIT


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_other_encodings_are_refused(encoding: str) -> None:
    assert refused(chunk(b""), content_encoding=encoding) == (415, "unsupported_content_encoding")
