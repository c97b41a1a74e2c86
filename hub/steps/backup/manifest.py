"""What lies in a backup's folder: the names of its files, and the manifest that tells what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from hub.errors import ConfigError
from hub.steps.keys.check import Checks
from hub.steps.laws import Law

DUMP, MANIFEST, SETTINGS, SCHEMAS = "store.dump", "manifest.json", "hub.yaml", "schemas"
FORMAT = 1
_CHUNK = 1_048_576


class BackedFile(msgspec.Struct, frozen=True):
    """A file of a backup: bytes, SHA-256 in hexadecimal."""

    size: int
    sha256: str


class NeededKey(msgspec.Struct, frozen=True):
    """A key that the data is under, never the key itself: `check` (hexadecimal) tells it from any other."""

    use: str
    id: int
    check: str


class Erasures(msgspec.Struct, frozen=True):
    """Erasures that the database knew of, the newest one's receipt, and where the log was."""

    count: int
    newest: str | None
    log: str


class Manifest(msgspec.Struct, frozen=True):
    """All that a restore has to know before it writes, and what it compares with afterwards.

    `laws`: law → term → count over all sources, what lies in spools left out. `content_hash` is None if the backup
    was made without keys. `spooled`: source key → acknowledged deliveries of this machine that are in no backup.
    `pg_dump` and `server` are major versions of PostgreSQL.
    """

    name: str
    taken_at: datetime
    release: str
    revision: str
    server: int
    pg_dump: int
    files: dict[str, BackedFile]
    rows: dict[str, int]
    laws: dict[str, dict[str, int]]
    content_hash: str | None
    leads: int | None
    contacts: int | None
    documents: int | None
    keys: list[NeededKey]
    erasures: Erasures
    spooled: dict[str, int]
    format: int = FORMAT

    def key_checks(self) -> Checks:
        """What the ring has to open."""
        return {(key.use, key.id): bytes.fromhex(key.check) for key in self.keys}

    def key_names(self) -> str:
        """The keys that the data needs, for people."""
        return ", ".join(
            "id key" if key.use == "id" else f"{key.use} key {key.id}" for key in self.keys
        )


def law_totals(*laws: Law) -> dict[str, dict[str, int]]:
    """Law → term → count over all sources."""
    return {law.name: law.totals() for law in laws}


def needed_keys(checks: Checks) -> list[NeededKey]:
    """The keys as a manifest names them."""
    return [NeededKey(use, number, value.hex()) for (use, number), value in sorted(checks.items())]


def write_manifest(path: Path, manifest: Manifest) -> None:
    """The manifest as a file for people and programs."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup's folder.

    Raises:
        ConfigError: the folder is no backup, or one of a newer hub.
    """
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{folder}: no backup ({MANIFEST}: {error.strerror}); name the dated folder that `hub backup` made"
        ) from None
    try:
        document: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
        if document.get("format") != FORMAT:
            raise ConfigError(
                f"{path}: format {document.get('format')}, this hub reads {FORMAT}: use the hub that made it"
            )
        return msgspec.convert(document, Manifest)
    except msgspec.MsgspecError:
        raise ConfigError(f"{path}: torn or altered: take another backup") from None


def check_files(folder: Path, manifest: Manifest, progress: Callable[[int], None]) -> None:
    """See that every file is what was written; `progress` is called with the bytes read so far.

    Raises:
        ConfigError: one is gone, torn or altered; the text names it.
    """
    done = 0
    for name, expected in manifest.files.items():
        path = folder / name
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    progress(done + size)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}; take another backup") from None
        done += size
        if size != expected.size or digest.hexdigest() != expected.sha256:
            raise ConfigError(
                f"{path}: torn or altered ({size} of {expected.size} bytes, SHA-256 differs):"
                " nothing was restored; take another backup"
            )
