"""Logs of processes that run for long: one JSON object a line on standard error, whoever writes it.

Every line has `time` (UTC), `level`, `logger`, `event`, `process`, `pid`; where they are known `request_id`,
`event_id` (the delivery), `source` and the figures of `SHOWN`. What is not listed there is dropped, of an
exception only its type and place are told: its text and its frames could hold a lead.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor

from hub.privacy.sensitive import Sensitive

# Set by the receiver for the request under way; a delivery made of it has the same id.
REQUEST_ID: ContextVar[UUID | None] = ContextVar("request_id", default=None)

# What may stand beside a message (`extra=`, or the keywords of a structlog logger).
SHOWN = (
    "event_id", "source", "channel", "instance", "child", "status", "reason", "method", "route",
    "ms", "count", "mean_ms", "max_ms", "suppressed",
)  # fmt: skip
_ALWAYS = ("time", "level", "logger", "event", "process", "pid", "request_id", "error", "at")
_PLAIN = (str, int, float, bool, type(None))
_OF_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")
_LEVELS = {"hub": logging.INFO, "alembic.runtime.migration": logging.INFO}


def log_as_json(process: str, stream: TextIO | None = None) -> None:
    """Write every log line of this process as JSON; for people, in colour, where a terminal shows it.

    Call it first thing in a long-running command; `process` is its name (`receive`, `work`). Loggers of the
    standard library (ours, uvicorn's, alembic's) and of structlog go the same way.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(process, for_people=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    for name in _OF_UVICORN:  # a server started before may have given them a way of their own
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    sys.excepthook = _told
    threading.excepthook = _told_of_thread


def _formatter(process: str, *, for_people: bool) -> logging.Formatter:
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(timestamp_key="time")
        if for_people
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(allow=SHOWN),
        ],
        processors=[_Facts(process), renderer],
    )


class _Facts:
    """Adds what every line has, and leaves only what may be shown, in a fixed order."""

    def __init__(self, process: str) -> None:
        self._own = {"process": process, "pid": os.getpid()}

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401 -- any logger
        facts: dict[str, Any] = {
            **event,
            **self._own,
            "time": _instant(event["_record"].created),
            "event": str(event["event"]).partition("\n")[
                0
            ],  # asyncio adds lines with texts of errors
            "request_id": REQUEST_ID.get(),
            **_where(event.get("exc_info")),
        }
        kept = {name: _shown(facts[name]) for name in (*_ALWAYS, *SHOWN) if name in facts}
        return {name: value for name, value in kept.items() if value is not None}


def _instant(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(value: object) -> object:
    """Text and numbers as they are, the mask of what is sensitive, of anything else only its type."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Sensitive):
        return value.masked
    return str(value) if isinstance(value, UUID) else f"<{type(value).__name__}>"


def _where(raised: object) -> dict[str, str]:
    """Of an exception (as loggers take it) its type and place."""
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if not isinstance(error, BaseException):
        return {}
    frames = traceback.extract_tb(error.__traceback__)
    place = {"at": f"{frames[-1].filename}:{frames[-1].lineno}"} if frames else {}
    return {"error": type(error).__name__, **place}


def _told(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    """What Python would print of an error that ends the process, without its text."""
    if not isinstance(error, KeyboardInterrupt):
        logging.getLogger("hub").critical("ended by an error", exc_info=error)


def _told_of_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None:
        logging.getLogger("hub").critical("a thread ended by an error", exc_info=found.exc_value)
