"""Libraries below write addresses into their logs; here addresses hold keys and names. Nothing of that is written."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LIBRARIES: Final = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.proxy",
    "requests",
    "requests_oauthlib.oauth1_auth",
    "requests_oauthlib.oauth2_session",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)
_NOTIFIER: Final = "apprise"


class _State(threading.local):
    """What goes on in this thread: whether we send, and the lines that the notifying library has written."""

    muted: bool = False
    heard: list[str] | None = None


_state = _State()


class _Mute(logging.Filter):
    """Drops a library's lines while this thread sends."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written."""
        return not _state.muted


class _Listen(logging.Filter):
    """Drops every line of the notifying library; keeps it for `heard` while this thread listens."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never: its lines name servers, addresses and people."""
        if _state.heard is not None:
            _state.heard.append(record.getMessage())
        return False


@contextmanager
def muted() -> Iterator[None]:
    """While this thread sends, the logs of HTTP libraries are silent in it."""
    for name in _LIBRARIES:
        _filtered(name, _Mute)
    before, _state.muted = _state.muted, True
    try:
        yield
    finally:
        _state.muted = before


@contextmanager
def heard() -> Iterator[list[str]]:
    """The lines that the notifying library writes meanwhile in this thread, and silence of all others.

    It says only there why something failed. The lines hold addresses: take a code from them, never their words.
    """
    logger = logging.getLogger(_NOTIFIER)
    _filtered(_NOTIFIER, _Listen)
    logger.setLevel(logging.DEBUG)
    lines: list[str] = []
    before, _state.heard = _state.heard, lines
    try:
        with muted():
            yield lines
    finally:
        _state.heard = before


def _filtered(name: str, kind: type[logging.Filter]) -> None:
    logger = logging.getLogger(name)
    if not any(isinstance(each, kind) for each in logger.filters):
        logger.addFilter(kind())
