"""The erasure log: a file outside the database, so that a restored backup can be made to forget again.

One JSON object a line: receipt, merchant, when, who, why, blind keys. Nothing in it names a person. It is
`HUB_ERASURE_LOG`, default `HUB_HOME/erasures.jsonl`; keep it with the key ring, apart from the database.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
import sqlalchemy as sa

from hub.crm.erasure import known_erasures
from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.settings import home

VARIABLE = "HUB_ERASURE_LOG"


class LoggedErasure(msgspec.Struct, frozen=True):
    """One erasure. `keys`: hexadecimal blind key or digest of a lead → the index key that it was made under."""

    receipt: UUID
    merchant: str
    erased_at: datetime
    by: str
    reason: str
    keys: dict[str, int]


_decoder = msgspec.json.Decoder(LoggedErasure)
_encoder = msgspec.json.Encoder()


def erasure_log() -> Path:
    """Where the log is."""
    named = os.environ.get(VARIABLE, "").strip()
    return Path(named).absolute() if named else home() / "erasures.jsonl"


def append(entry: LoggedErasure, path: Path | None = None) -> None:
    """Write one erasure and put it on the disk, before the database commits it.

    Raises:
        ConfigError: the file cannot be written; then nothing must be erased.
    """
    path = path or erasure_log()
    try:
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            os.write(number, _encoder.encode(entry) + b"\n")
            os.fsync(number)
        finally:
            os.close(number)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(
            f"{path}: the erasure log cannot be written ({error.strerror}); nothing was erased"
        ) from error


def read(path: Path | None = None) -> list[LoggedErasure]:
    """Every erasure in the log, oldest first; a line that a crash tore at the end is left out.

    Raises:
        ConfigError: the file cannot be read, or a line within it is no erasure.
    """
    path = path or erasure_log()
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    found = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            found.append(_decoder.decode(line))
        except msgspec.DecodeError:
            raise ConfigError(f"{path}:{number}: no erasure; restore the log") from None
    return found


def missing(engine: sa.Engine, entries: Iterable[LoggedErasure]) -> list[LoggedErasure]:
    """Those of `entries` that the database knows nothing of: it was restored from an older backup."""
    wanted = list(entries)
    if not wanted:
        return []
    with store_errors(), engine.begin() as conn:
        known = known_erasures(conn, [one.receipt for one in wanted])
    return [one for one in wanted if one.receipt not in known]
