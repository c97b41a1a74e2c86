"""An open-loop platform: pushes at a fixed rate whatever the hub does, on keep-alive connections.

`python -m bench.sender --port P --rate R --count N --result FILE`: makes and signs all bodies, prints `ready`,
reads the start (monotonic seconds) from standard input, sends, writes what was acknowledged and when. Plain
sockets, since on two cores a client library would cost as much as the hub.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from bench.figures import Schedule
from bench.payloads import SIGNATURE_HEADER, SOURCE, encoded, people, pushed, signature
from bench.stage import SECRET

_CONNECTIONS = 64
_ANSWERS_WITHIN_S = 20.0
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(slots=True)
class Answers:
    """When lead `n` was answered with success (None: it was not), and how late it was handed to a socket."""

    acknowledged: list[float | None]
    late_s: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0

    def note(self, number: int, *, success: bool) -> None:
        """Lead `number` was answered now."""
        if success:
            self.acknowledged[number] = time.monotonic()
        self.open -= 1
        if not self.open:
            self.done.set()


class Line(asyncio.Protocol):
    """One connection; one request under way at a time."""

    def __init__(
        self, answers: Answers, free: deque[Line], waiting: deque[tuple[int, bytes]]
    ) -> None:
        self._answers = answers
        self._free = free
        self._waiting = waiting
        self._transport: asyncio.WriteTransport | None = None
        self._number = -1
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by class
        self._free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """What was under way is not acknowledged; the connection is not opened again."""
        if self._number >= 0:
            self._answers.note(self._number, success=False)
            self._number = -1

    def send(self, number: int, request: bytes) -> None:
        """Send one request."""
        self._number = number
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read an answer; take the next request if one waits."""
        self._buffer += data
        head, end, body = self._buffer.partition(_HEAD_END)
        if not end or len(body) < _content_length(head):
            return
        self._buffer = b""
        number, self._number = self._number, -1
        self._answers.note(number, success=head.startswith(b"HTTP/1.1 200"))
        if self._waiting:
            self.send(*self._waiting.popleft())
        else:
            self._free.append(self)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    return 0


def _requests(port: int, count: int) -> list[bytes]:
    made = []
    for person in people(count):
        body = encoded(pushed(person))
        made.append(
            b"POST /hooks/%s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n%s: %s\r\n\r\n%s"
            % (
                SOURCE.encode(),
                port,
                len(body),
                SIGNATURE_HEADER.encode(),
                signature(body, SECRET).encode(),
                body,
            )
        )
    return made


async def _send_all(port: int, requests: list[bytes], schedule: Schedule) -> Answers:
    loop = asyncio.get_running_loop()
    free: deque[Line] = deque()
    waiting: deque[tuple[int, bytes]] = deque()
    answers = Answers([None] * len(requests), open=len(requests))
    for _ in range(_CONNECTIONS):
        await loop.create_connection(lambda: Line(answers, free, waiting), "127.0.0.1", port)
    for number, request in enumerate(requests):
        due = schedule.at(number)
        while (left := due - time.monotonic()) > 0:
            await asyncio.sleep(left)
        answers.late_s = max(answers.late_s, time.monotonic() - due)
        if free:
            free.popleft().send(number, request)
        else:
            waiting.append((number, request))
    with suppress(TimeoutError):
        await asyncio.wait_for(answers.done.wait(), _ANSWERS_WITHIN_S)
    return answers


def main() -> None:
    """Be the platform once."""
    parser = argparse.ArgumentParser()
    for name, kind in (("port", int), ("rate", float), ("count", int), ("result", Path)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    given = parser.parse_args()
    requests = _requests(given.port, given.count)
    print("ready", flush=True)
    schedule = Schedule(float(sys.stdin.readline()), given.rate, given.count)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(_send_all(given.port, requests, schedule))
    found = {"acknowledged": answers.acknowledged, "late_ms": answers.late_s * 1000}
    given.result.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
