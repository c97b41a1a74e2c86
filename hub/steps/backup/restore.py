"""A backup brought back into an empty store: all is checked before anything is written, and again before it serves.

While it goes on a mark stands in the database, under which nothing but a restore may use it: a restore that was cut
off is begun anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from hub.alerts.restored import lay_to_rest
from hub.database import restoring
from hub.database.binaries import ClientProgram, client_program
from hub.database.dump import restore_dump, server_major
from hub.database.engine import driver, store_errors
from hub.database.migrate import HEAD, is_known, upgrade
from hub.database.places import is_embedded
from hub.errors import ConfigError, StoreError
from hub.ops.audit import write_audit
from hub.ops.heartbeats import forget_beats
from hub.ops.loaders import forget_claims
from hub.privacy.keyring import KeyRing
from hub.registry.files import schema_files
from hub.settings import HubSettings, home
from hub.steps.backup.manifest import DUMP, Manifest, check_files, law_totals, read_manifest
from hub.steps.backup.take import Say
from hub.steps.erasure import log as erasure_log
from hub.steps.erasure.erase import apply_missing
from hub.steps.keys.check import check_keys, require_keys
from hub.steps.keys.ring import are_keys_there, open_keyring
from hub.steps.open_store import Store, check_connection, open_store
from hub.steps.verify import Verification, verify


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup that may be restored here."""

    folder: Path
    manifest: Manifest
    ring: KeyRing


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. `found` is the store as it was in the backup, `after` the same with `erased` people gone."""

    manifest: Manifest
    found: Verification
    after: Verification
    erased: int
    alerts_closed: int
    messages_given_up: int


def check_backup(folder: Path, *, log_is_lost: bool, say: Say) -> Checked:
    """A backup, whole, and with all that it needs on this machine. Writes nothing.

    Args:
        folder: The dated folder.
        log_is_lost: Do without the newest erasure log.
        say: Told of the progress.

    Raises:
        ConfigError: it is torn, of a newer hub, or the keys or the erasure log are not here.
    """
    manifest = read_manifest(folder)
    if not is_known(manifest.revision):
        raise ConfigError(
            f"{folder}: of release {manifest.release}, schema {manifest.revision}, which this hub ({HEAD})"
            " does not know: restore it with that release or a newer one"
        )
    if not are_keys_there():
        place = (
            f"put the key ring at {home() / 'keys.json'} (chmod 600) or " if is_embedded() else ""
        )
        raise ConfigError(
            f"no keys here, and this backup needs {manifest.key_names()}: {place}set HUB_KEYS_FILE;"
            " nothing was written"
        )
    ring = open_keyring()
    require_keys(ring, manifest.key_checks())
    if not log_is_lost:
        _require_log(manifest)
    check_files(folder, manifest, lambda done: say("bytes checked", done))
    return Checked(folder, manifest, ring)


def restore(
    checked: Checked, settings: HubSettings, *, who: str, now: datetime, dry_run: bool, say: Say
) -> Restored | None:
    """Restore a backup into this hub's empty store, verify it, and make it forget again; None of a dry run.

    Args:
        checked: The backup, as `check_backup` gave it.
        settings: Of this hub.
        who: Who restores; kept in the audit log.
        now: Aware current instant.
        dry_run: Check the store, too, and write nothing.
        say: Told of the progress.

    Raises:
        ConfigError: the store is not empty, is in use, or is of an older PostgreSQL.
        StoreError: pg_restore failed, or what is in the store is not what was backed up. The store serves nobody
            until a restore into it succeeds.
    """
    schema_files(settings)
    if dry_run and _is_unmade():
        return None
    with open_store(migrate=False, application="hub restore") as store, store_errors():
        check_connection(store)
        program = _require_room(store.engine, checked.manifest)
        if dry_run:
            return None
        with store.engine.begin() as conn:
            restoring.begin_restore(conn, checked.manifest.name)
        _bring_in(store, checked, program, say)
        found = _prove(store, checked, say)
        return _finish(store, checked, settings, (who, now, found), say)


def _is_unmade() -> bool:
    """Whether this hub's own database was never started: a look would make it."""
    made = (home() / "pg" / "data", home() / "locks" / "elsewhere")
    return is_embedded() and not any(path.exists() for path in made)


def _require_log(manifest: Manifest) -> None:
    """The erasure log here is at least as new as the backup.

    Raises:
        ConfigError: it lacks what the backup knows.
    """
    newest = manifest.erasures.newest
    if newest is None:
        return
    receipts = {entry.receipt for entry in erasure_log.read()}
    if UUID(newest) not in receipts:
        raise ConfigError(
            f"{erasure_log.erasure_log()}: lacks erasures that this backup knows of (receipt {newest}), so it is not"
            " the newest log: bring that first, or whoever was erased since comes back. If it is lost for good:"
            " --erasure-log-lost"
        )


def _require_room(engine: sa.Engine, manifest: Manifest) -> ClientProgram:
    """The pg_restore to use; the store is empty, or left by a restore that was cut off, and nobody is in it."""
    with engine.connect() as conn:
        server = server_major(conn)
        unfinished = restoring.unfinished_restore(conn)
        filled = [] if unfinished is not None else restoring.filled_tables(conn)
        others = restoring.other_processes(conn)
    if server < manifest.server:
        raise ConfigError(
            f"this server is PostgreSQL {server}, the backup is of PostgreSQL {manifest.server}: restore it into"
            f" PostgreSQL {manifest.server} or newer"
        )
    if filled:
        raise ConfigError(
            f"this store is not empty ({', '.join(filled[:3])}{', …' if len(filled) > 3 else ''}):"
            " restore into a new HUB_HOME or a new database"
        )
    if others:
        raise ConfigError(f"in use by {', '.join(others)}: stop them first")
    return client_program("pg_restore", at_least=manifest.pg_dump)


def _bring_in(store: Store, checked: Checked, program: ClientProgram, say: Say) -> None:
    """All rows, or none; counted before a migration changes a table."""
    path = checked.folder / DUMP
    with path.open("rb") as file:
        restore_dump(store.url, program, file, lambda size: say("bytes restored", size))
    say("counting rows", 0)
    with store.engine.begin() as conn:
        rows = restoring.row_counts(conn)
        for table in rows:
            conn.execute(sa.text(f"ANALYZE {table}"))
    wrong = sorted(
        name
        for name in rows.keys() | checked.manifest.rows.keys()
        if rows.get(name) != checked.manifest.rows.get(name)
    )
    if wrong:
        raise StoreError(f"not as backed up: {', '.join(wrong)} have other numbers of rows")


def _prove(store: Store, checked: Checked, say: Say) -> Verification:
    """The store at this release's schema, found to be what was backed up."""
    say("migrating", 0)
    upgrade(store.engine, restoring=True)
    check_keys(store.engine)
    found = verify(
        store.engine, checked.ring, progress=lambda done: say("leads and documents verified", done)
    )
    manifest = checked.manifest
    if law_totals(found.delivery_law, found.record_law) != manifest.laws:
        raise StoreError("not as backed up: deliveries or records have other outcomes")
    if manifest.content_hash not in (None, found.content_hash) or found.unreadable:
        raise StoreError(
            f"not as backed up: content hash {found.content_hash}, in the manifest {manifest.content_hash}"
        )
    return found


def _finish(
    store: Store,
    checked: Checked,
    settings: HubSettings,
    made: tuple[str, datetime, Verification],
    say: Say,
) -> Restored:
    """Let the past rest, erase whom the log names, and open the store."""
    who, now, found = made
    with store.engine.begin() as conn:
        forget_claims(driver(conn))
        forget_beats(conn, now, timedelta(0))
        closed, given_up = lay_to_rest(conn, now)
    say("erasing anew", 0)
    erased = apply_missing(store.engine, checked.ring, settings)
    after = verify(store.engine, checked.ring, deep=True) if erased else found
    if found.holds and not after.holds:
        raise StoreError("after the erasures of the log the laws do not hold: see `hub verify`")
    with store.engine.begin() as conn:
        write_audit(conn, who=who, action="restore", target=checked.manifest.name)
        restoring.end_restore(conn)
    return Restored(checked.manifest, found, after, len(erased), closed, given_up)
