"""What a child process prints goes into a file of bounded size, whole lines and none lost."""

from __future__ import annotations

import os
import threading
from pathlib import Path

FILE_BYTES = 10 * 1_048_576
OLD_FILES = 2
_CHUNK_BYTES = 65_536


class RotatingLog:
    """`<name>.log`, and when that is full `<name>.log.1` and `.2`; safe from any thread.

    A file ends with a whole line, so it may be longer than `limit` by what was read at once. While
    the disk takes nothing, lines are dropped and counted, for a child must never wait for its log.
    """

    def __init__(self, path: Path, *, limit: int = FILE_BYTES, old: int = OLD_FILES) -> None:
        self.path = path
        self._limit = limit
        self._old = old
        self._lock = threading.Lock()
        self._dropped = 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, chunk: bytes) -> None:
        """Add what a child printed."""
        with self._lock:
            try:
                self._write(chunk)
            except OSError:
                self._dropped += len(chunk)

    def _write(self, chunk: bytes) -> None:
        if self._dropped:
            chunk = b"... %d bytes were not written: no room\n" % self._dropped + chunk
        if self._append(chunk) >= self._limit:
            self._rotate()
        self._dropped = 0

    def _append(self, chunk: bytes) -> int:
        """The file's size afterwards."""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while chunk:
                chunk = chunk[os.write(handle, chunk) :]
            return os.fstat(handle).st_size
        finally:
            os.close(handle)

    def _rotate(self) -> None:
        for number in range(self._old, 0, -1):
            newer = self.path if number == 1 else self._numbered(number - 1)
            if newer.exists():
                newer.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


class LogPump(threading.Thread):
    """Carries what comes out of a pipe into a log, until every writer has closed it."""

    def __init__(self, pipe: int, log: RotatingLog) -> None:
        super().__init__(name=f"log of {log.path.stem}", daemon=True)
        self._pipe = pipe
        self._log = log

    def run(self) -> None:
        """Until the end of the pipe; a line is written when it is whole."""
        rest = b""
        try:
            while chunk := os.read(self._pipe, _CHUNK_BYTES):
                whole, newline, tail = (rest + chunk).rpartition(b"\n")
                rest = tail
                if newline:
                    self._log.write(whole + newline)
                if len(rest) > _CHUNK_BYTES:
                    self._log.write(rest)
                    rest = b""
        finally:
            if rest:
                self._log.write(rest + b"\n")
            os.close(self._pipe)
