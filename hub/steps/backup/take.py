"""A backup of the store while everything runs: the dump, and a manifest of the same moment.

One transaction exports what it sees; `pg_dump` dumps just that, and the counts, both laws and the content hash are
read from it. A folder has its name only when all of it is on the disk.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from hub.crm.erasure import count_erasures, list_erasures
from hub.database.binaries import ClientProgram, client_program
from hub.database.dump import dump, server_major
from hub.database.engine import driver, store_errors
from hub.database.locks import FileLock
from hub.database.migrate import HEAD
from hub.database.restoring import row_counts
from hub.database.sessions import export_snapshot
from hub.errors import ConfigError
from hub.ops.audit import write_audit
from hub.ops.key_checks import key_checks
from hub.registry.files import schema_files
from hub.settings import HubSettings, config_path, home
from hub.steps.backup.manifest import (
    DUMP,
    MANIFEST,
    SCHEMAS,
    SETTINGS,
    BackedFile,
    Erasures,
    Manifest,
    law_totals,
    needed_keys,
    write_manifest,
)
from hub.steps.erasure.log import erasure_log
from hub.steps.keys.ring import has_keys, open_keyring
from hub.steps.laws import read_delivery_law, read_record_law, snapshot
from hub.steps.open_store import Store
from hub.steps.spool_drain import count_spooled
from hub.steps.verify import Verification, verify_snapshot

_NAME = re.compile(r"hub-\d{8}T\d{6}Z")
_PARTIAL = ".partial"

Say = Callable[[str, int], None]
"""Told what is going on, and a figure of it that rises."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that is whole."""

    folder: Path
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class _Read:
    """What one snapshot says of the store. `found` is None where there are no keys."""

    rows: dict[str, int]
    laws: dict[str, dict[str, int]]
    found: Verification | None


def back_up(
    store: Store, settings: HubSettings, into: Path, *, who: str, now: datetime, say: Say
) -> Backup:
    """A new backup in a dated folder under `into`.

    Args:
        store: The hub's store; the hub may be running.
        settings: Of this hub.
        into: The folder of all backups, made if it is not there (0700).
        who: Who asks; kept in the audit log.
        now: Aware current instant: the backup's name.
        say: Told of the progress.

    Raises:
        ConfigError: the folder cannot be used, another backup into it is under way, or pg_dump is too old.
        StoreError: pg_dump failed; nothing is left that looks like a backup.
    """
    name = f"hub-{now:%Y%m%dT%H%M%SZ}"
    with _alone(into), store_errors():
        if (into / name).exists():
            raise ConfigError(f"{into / name}: is there already; try again in a second")
        for left in into.glob(f"hub-*{_PARTIAL}"):  # nobody else is here: their makers are dead
            shutil.rmtree(left)
        partial = into / (name + _PARTIAL)
        partial.mkdir(mode=0o700)
        try:
            manifest = _fill(partial, store, settings, (name, now), say)
            partial.rename(into / name)
            _sync(into)
        except OSError as error:
            raise ConfigError(
                f"{into}: cannot be written ({error.strerror}); there is no backup"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        with store.engine.begin() as conn:
            write_audit(conn, who=who, action="backup", target=name)
        return Backup(into / name, manifest)


def remove_old(into: Path, keep: int) -> list[str]:
    """Remove all but the newest `keep` backups under `into`; their names."""
    with _alone(into):
        whole = sorted(one for one in into.iterdir() if _NAME.fullmatch(one.name))
        old = whole[: max(len(whole) - keep, 0)]
        for folder in old:
            # Under this name it is no backup, also if we are cut off while we remove it.
            aside = folder.rename(folder.with_name(folder.name + _PARTIAL))
            shutil.rmtree(aside)
    return [one.name for one in old]


def _fill(
    folder: Path, store: Store, settings: HubSettings, named: tuple[str, datetime], say: Say
) -> Manifest:
    with snapshot(store.engine) as conn:
        # The dump may take longer than a forgotten transaction is allowed to be idle.
        conn.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        server = server_major(conn)
        program = client_program("pg_dump", at_least=server)
        dumped = _dump(folder / DUMP, store.url, program, export_snapshot(driver(conn)), say)
        read = _read(conn, say)
        checks = key_checks(driver(conn))
        newest = list_erasures(conn, None, 1)
        erasures = Erasures(
            count_erasures(conn), str(newest[0]["id"]) if newest else None, str(erasure_log())
        )
        spooled = count_spooled(conn, home() / "spool")
    files = {DUMP: dumped, **_copy_settings(folder, settings)}
    found = read.found
    manifest = Manifest(
        name=named[0],
        taken_at=named[1],
        release=version("lead-hub"),
        revision=HEAD,
        server=server,
        pg_dump=program.major,
        files=files,
        rows=read.rows,
        laws=read.laws,
        content_hash=found.content_hash if found else None,
        leads=found.leads if found else None,
        contacts=found.contacts if found else None,
        documents=found.documents if found else None,
        keys=needed_keys(checks),
        erasures=erasures,
        spooled=spooled,
    )
    write_manifest(folder / MANIFEST, manifest)
    _sync_all(folder)
    return manifest


def _dump(path: Path, url: str, program: ClientProgram, seen: str, say: Say) -> BackedFile:
    with path.open("xb") as file:
        path.chmod(0o600)
        written = dump(url, program, seen, file, lambda size: say("bytes dumped", size))
    return BackedFile(written.size, written.sha256)


def _read(conn: sa.Connection, say: Say) -> _Read:
    """Counts, laws and hash. What lies in spools is in no backup, so it is left out of the laws."""
    say("counting rows", 0)
    rows = row_counts(conn)
    laws = law_totals(read_delivery_law(conn, {}), read_record_law(conn))
    found = None
    if has_keys():
        found = verify_snapshot(
            conn, open_keyring(), progress=lambda done: say("leads and documents hashed", done)
        )
        if found.unreadable:
            raise ConfigError(
                f"{len(found.unreadable)} leads or documents do not open: see `hub verify`; nothing was backed up"
            )
    return _Read(rows, laws, found)


def _copy_settings(folder: Path, settings: HubSettings) -> dict[str, BackedFile]:
    """hub.yaml, and the contracts and mappings in `schemas_dir` that no release brings."""
    copied: dict[str, Path] = {}
    if config_path().is_file():
        copied[SETTINGS] = config_path()
    own = schema_files(settings)
    shipped = schema_files(HubSettings()).documents() if settings.schemas_dir else own.documents()
    for name, digest in own.documents().items():
        if shipped.get(name) != digest:
            copied[f"{SCHEMAS}/{name}"] = own.root / name
    files = {}
    for name, source in copied.items():
        target, data = folder / name, source.read_bytes()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.write_bytes(data)
        files[name] = BackedFile(len(data), hashlib.sha256(data).hexdigest())
    return files


@contextmanager
def _alone(into: Path) -> Iterator[None]:
    """The folder of all backups, made and locked against other backups."""
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{into}: cannot be made ({error.strerror})") from error
    lock = FileLock(into / ".lock")
    try:
        if not lock.try_exclusive():
            raise ConfigError(f"{into}: another backup is under way")
        yield
    finally:
        lock.close()


def _sync_all(folder: Path) -> None:
    """Close everything under `folder` to others and put it on the disk."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        _sync(path)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
