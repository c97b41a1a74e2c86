"""The access log: what was asked and answered, never a query string, a secret path or a body.

Failures are one line each, up to a limit a second; successes are counted and written as one
line per route, source and status every few seconds: a line for each would cost more than the
answer itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from hub.receiver.metrics import ReceiverMetrics

_FAILURE = 400
_FAILURES_PER_SECOND = 20
SUMMARY_EVERY_S = 10.0

log = logging.getLogger("hub.access")


@dataclass(slots=True)
class _Tally:
    """Successes of one route, source and status since the last summary."""

    count: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered request: `route` is the template (`/hooks/{source}`), `reason` for machines."""

    method: str
    route: str
    source: str | None
    status: int
    reason: str = ""


class AccessLog:
    """Counts and logs answers. One per receiver, used from its event loop only."""

    def __init__(
        self, metrics: ReceiverMetrics, *, timer: Callable[[], float] = time.perf_counter
    ) -> None:
        self._metrics = metrics
        self._timer = timer
        self._tallies: dict[tuple[str, str, str | None, int], _Tally] = {}
        self._second = 0
        self._lines = 0
        self._suppressed = 0

    def start(self) -> float:
        """When a request began, for `answered`."""
        return self._timer()

    def answered(self, answer: Answer, started: float) -> None:
        """Note an answer that began at `started`."""
        seconds = self._timer() - started
        self._metrics.answered(answer.route, answer.source, answer.status, seconds)
        if answer.status >= _FAILURE:
            self._failure(answer, seconds)
            return
        key = (answer.method, answer.route, answer.source, answer.status)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally()
        milliseconds = seconds * 1000
        tally.count += 1
        tally.total_ms += milliseconds
        tally.max_ms = max(tally.max_ms, milliseconds)

    def summarise(self) -> None:
        """Write the successes since the last time, one line each, and forget them."""
        tallies, self._tallies = self._tallies, {}
        for (method, route, source, status), tally in tallies.items():
            _write(
                logging.INFO,
                method=method,
                route=route,
                source=source,
                status=status,
                count=tally.count,
                mean_ms=round(tally.total_ms / tally.count, 2),
                max_ms=round(tally.max_ms, 2),
            )
        if self._suppressed:
            _write(logging.WARNING, suppressed=self._suppressed)
            self._suppressed = 0

    def _failure(self, answer: Answer, seconds: float) -> None:
        second = int(self._timer())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines > _FAILURES_PER_SECOND:  # a flood must not fill the disk
            self._suppressed += 1
            return
        _write(
            logging.WARNING,
            method=answer.method,
            route=answer.route,
            source=answer.source,
            status=answer.status,
            reason=answer.reason,
            ms=round(seconds * 1000, 2),
        )


def _write(level: int, **facts: object) -> None:
    if log.isEnabledFor(level):
        log.log(level, "http", extra=facts)
