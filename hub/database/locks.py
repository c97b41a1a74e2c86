"""File locks that vanish with their holder, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from hub.errors import ConfigError, StoreAwayError

_POLL_S = 0.02


class FileLock:
    """An flock on a file of its own; opened by the first lock, released by `close` or our death."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def exclusive(self, *, wait_s: float) -> None:
        """Lock against everybody.

        Raises:
            StoreAwayError: another process kept it for `wait_s`.
        """
        self._wait(fcntl.LOCK_EX, wait_s)

    def shared(self, *, wait_s: float) -> None:
        """Lock against those who want it alone.

        Raises:
            StoreAwayError: another process kept it for `wait_s`.
        """
        self._wait(fcntl.LOCK_SH, wait_s)

    def try_exclusive(self) -> bool:
        """Lock against everybody if nobody else holds it; if not, our shared lock is gone, too."""
        return self._try(fcntl.LOCK_EX)

    def close(self) -> None:
        """Release. The unlock is explicit: a forked child may still have the file open."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = None

    def _wait(self, kind: int, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while not self._try(kind):
            if time.monotonic() > deadline:
                self.close()
                raise StoreAwayError(
                    f"{self._path}: another process has held it for {wait_s:.0f} s"
                )
            time.sleep(_POLL_S)

    def _try(self, kind: int) -> bool:
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be locked ({error.strerror})") from error
        return True
