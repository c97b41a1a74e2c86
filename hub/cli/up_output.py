"""What `hub up` says: one table when all is ready, one line for each death and each return."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hub.cli.output import print_line, print_rows
from hub.steps.running.store_keeper import NAME as POSTGRES
from hub.steps.running.supervise import Child, ProcessEvent

log = logging.getLogger("hub.supervise")


class UpOutput:
    """For people, or as JSON lines; safe from any thread. What is wrong with us goes into the log."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._lock = threading.Lock()

    def ready(self, children: Sequence[Child], postgres: int | None) -> None:
        """All processes do their work: their addresses and numbers."""
        rows: list[tuple[str, str, int | str]] = [
            (child.spec.name, child.spec.address or "", child.pid) for child in children
        ]
        if postgres is not None:
            rows.append((POSTGRES, "embedded", postgres))
        columns = ("process", "address", "pid")
        with self._lock:
            if self._as_json:
                found = [dict(zip(columns, row, strict=True)) for row in rows]
                self._json("ready", processes=found)
            else:
                print_rows(columns, rows, as_json=False)

    def tell(self, event: ProcessEvent) -> None:
        """One event of a process; that it was started for the first time is in the table."""
        with self._lock:
            if self._as_json:
                self._json(
                    event.what,
                    process=event.name,
                    pid=event.pid,
                    status=event.status,
                    seconds=round(event.seconds, 2),
                )
            elif event.what == "died":
                pause = f"again in {event.seconds:.1f} s" if event.seconds else "started again"
                print_line(f"{event.name}: {_how(event.status)} (pid {event.pid}), {pause}")
            elif event.what == "back":
                print_line(f"{event.name}: back after {event.seconds:.1f} s (pid {event.pid})")
            if event.what == "crashing":
                log.error(
                    "%s ends again and again (5 times in 10 minutes); read its log", event.name
                )

    def stopping(self) -> None:
        """We were asked to stop."""
        self._say("stopping", "stopping: finishing what is under way; a second signal kills")

    def stopped(self) -> None:
        """Nothing runs any more."""
        self._say("stopped", "stopped")

    def _say(self, event: str, text: str) -> None:
        with self._lock:
            if self._as_json:
                self._json(event)
            else:
                print_line(text)

    def _json(self, event: str, **facts: Any) -> None:  # noqa: ANN401 -- any JSON value
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        print_line(json.dumps({"event": event, "time": at, **facts}, ensure_ascii=False))


def _how(status: int | None) -> str:
    if status is None:
        return "died"
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
