"""An id for every request: told to the caller, never taken from one."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from hub.receiver.request_id import begin, id_of, telling


def test_the_id_of_a_request_stays_the_same_and_is_time_ordered() -> None:
    scope: dict[str, Any] = {"headers": [(b"x-request-id", b"made-up")]}
    made = begin(scope)

    assert id_of(scope) == made
    assert made.version == 7
    assert begin({}) > made or begin({}).int >> 80 == made.int >> 80


def test_a_request_that_came_another_way_has_one_too() -> None:
    assert id_of({}) != id_of({})


def test_the_answer_tells_it_once_and_keeps_its_own_headers() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    made = begin({})
    told = telling(send, made)

    async def answer() -> None:
        await told({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await told({"type": "http.response.body", "body": b"x"})

    asyncio.run(answer())

    assert sent[0]["headers"] == [(b"a", b"b"), (b"x-request-id", str(made).encode())]
    assert sent[1] == {"type": "http.response.body", "body": b"x"}
