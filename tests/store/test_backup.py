"""What a backup leaves when it fails, what it takes along, and which stores a restore refuses."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from hub.database import binaries, restoring
from hub.database.binaries import ClientProgram, client_program
from hub.database.dump import dump
from hub.database.engine import make_engine
from hub.database.locks import FileLock
from hub.database.migrate import upgrade
from hub.errors import ConfigError, StoreError
from hub.privacy.keyring import KeyRing, new_keys
from hub.settings import HubSettings
from hub.steps.backup import take as step
from hub.steps.backup.keys import check_place, copy_ring
from hub.steps.backup.manifest import MANIFEST, read_manifest
from hub.steps.backup.restore import check_backup, restore
from hub.steps.backup.take import Backup, back_up, remove_old
from hub.steps.keys.check import check_keys
from hub.steps.load import Loader
from hub.steps.open_store import Store
from tests.privacy.erasing import ErasingHub

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
SETTINGS = HubSettings()


def quiet(_what: str, _done: int) -> None:
    """Nobody watches."""


@pytest.fixture
def ring_document(keyring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The ring of the test in the environment, as its JSON."""

    def text(key: bytes) -> str:
        return base64.b64encode(key).decode()

    document: dict[str, object] = {
        "active": 1,
        "sealing": {"1": text(keyring.sealing[1])},
        "index_active": 1,
        "index": {"1": text(keyring.index_key)},
        "id": text(keyring.id_key),
    }
    monkeypatch.setenv("HUB_KEYS", json.dumps(document))
    return document


@pytest.fixture
def store(
    engine: sa.Engine, database_url: str, keyring: KeyRing, ring_document: dict[str, object]
) -> Store:
    """A store with three leads of two people, one of them queued."""
    hub = ErasingHub(engine, keyring)
    hub.take(hub.clue(1, "19900107351"), hub.clue(2, "19900107352"))
    hub.load()
    hub.take(hub.clue(3, "19900107351"))
    check_keys(engine)
    return Store(engine, database_url, None)


def taken(
    store: Store, into: Path, *, after_s: int = 0, settings: HubSettings = SETTINGS
) -> Backup:
    now = NOW + timedelta(seconds=after_s)
    return back_up(store, settings, into, who="tester", now=now, say=quiet)


def a_program(path: Path, lines: str, major: int = 18) -> ClientProgram:
    """A program of a test's own in the place of one of PostgreSQL's."""
    path.write_text(f"#!/bin/sh\n{lines}\n", "utf-8")
    path.chmod(0o755)
    return ClientProgram(path, major)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name != ".lock")


@pytest.mark.parametrize(
    ("end", "words"), [("kill -9 $$", "killed by signal 9"), ("exit 3", "exit status 3")]
)
def test_a_pg_dump_that_ends_in_the_middle_leaves_no_backup(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, words: str
) -> None:
    real = client_program("pg_dump", at_least=18).path
    dying = a_program(tmp_path / "pg_dump", f'"{real}" "$@" | head -c 20000; {end}')
    monkeypatch.setattr(step, "client_program", lambda *_args, **_named: dying)

    with pytest.raises(StoreError, match=words):
        taken(store, tmp_path / "backups")

    assert names(tmp_path / "backups") == []


def test_a_full_disk_leaves_no_backup(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fills_up(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(step, "dump", fills_up)

    with pytest.raises(ConfigError, match=r"No space left on device.*no backup"):
        taken(store, tmp_path / "backups")

    assert names(tmp_path / "backups") == []


def test_what_a_killed_backup_left_is_removed_by_the_next(store: Store, tmp_path: Path) -> None:
    left = tmp_path / "hub-20260101T000000Z.partial"
    left.mkdir()
    (left / "store.dump").write_bytes(b"half")

    assert names(tmp_path) == [left.name]
    assert names(taken(store, tmp_path).folder.parent) == ["hub-20260217T040000Z"]


def test_two_backups_into_one_folder_do_not_meet(store: Store, tmp_path: Path) -> None:
    other = FileLock(tmp_path / ".lock")
    other.exclusive(wait_s=1)
    try:
        with pytest.raises(ConfigError, match="under way"):
            taken(store, tmp_path)
    finally:
        other.close()


def test_the_newest_backups_are_kept(store: Store, tmp_path: Path) -> None:
    made = [taken(store, tmp_path, after_s=n).folder.name for n in range(3)]

    assert remove_old(tmp_path, 2) == made[:1]
    assert names(tmp_path) == made[1:]


def test_a_backup_is_written_to_the_audit_log(store: Store, tmp_path: Path) -> None:
    made = taken(store, tmp_path)
    with store.engine.connect() as conn:
        rows = conn.execute(sa.text("SELECT who, action, target FROM ops.audit")).all()

    assert [tuple(row) for row in rows] == [("tester", "backup", made.folder.name)]


def test_documents_that_no_release_brings_are_taken_along(store: Store, tmp_path: Path) -> None:
    own = tmp_path / "schemas"
    shutil.copytree(Path("schemas").absolute(), own)
    (own / "raw" / "own" / "lead").mkdir(parents=True)
    (own / "raw" / "own" / "lead" / "1-0-0.json").write_text("{}", "utf-8")

    made = taken(store, tmp_path / "b", settings=HubSettings(schemas_dir=str(own)))

    assert [one for one in made.manifest.files if one != "store.dump"] == [
        "schemas/raw/own/lead/1-0-0.json"
    ]


def test_the_password_is_on_no_command_line(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    program = a_program(tmp_path / "pg_dump", f'echo "$@" > {seen}; echo "$PGPASSWORD"')
    into = io.BytesIO()

    dump(
        "postgresql://lead:s3cr%40t@db.example/hub?sslmode=require",
        program,
        "s",
        into,
        lambda _: None,
    )

    assert into.getvalue() == b"s3cr@t\n"
    line = seen.read_text("utf-8")
    assert "s3cr" not in line
    assert all(word in line for word in ("user=lead", "host=db.example", "sslmode=require"))


def test_the_program_of_the_nearest_version_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_program(tmp_path / "pg_dump", "echo 'pg_dump (PostgreSQL) 16.4 (own build)'")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert client_program("pg_dump", at_least=15).major == 16
    assert client_program("pg_dump", at_least=17).major == 18
    with pytest.raises(ConfigError, match=r"pg_dump of PostgreSQL 99 or newer.* 18 .* 16 "):
        client_program("pg_dump", at_least=99)


def test_a_machine_without_any_program_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(ConfigError, match="found: none"):
        client_program("pg_dump", at_least=15)


def test_keys_go_elsewhere_and_no_older_key_is_lost(
    tmp_path: Path, ring_document: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    backups, place = tmp_path / "backups", tmp_path / "keys" / "ring.json"
    place.parent.mkdir()
    with pytest.raises(ConfigError, match="do not lie beside"):
        check_place(backups / "ring.json", backups)
    with pytest.raises(ConfigError, match="no such folder"):
        check_place(tmp_path / "nowhere" / "ring.json", backups)

    check_place(place, backups)
    copy_ring(place)
    assert json.loads(place.read_text("utf-8")) == ring_document
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    sealing = {**ring_document["sealing"], "2": new_keys()["id"]}  # type: ignore[dict-item]  # a ring's own form
    monkeypatch.setenv("HUB_KEYS", json.dumps({**ring_document, "sealing": sealing}))
    check_place(place, backups)  # more keys than before: fine
    copy_ring(place)
    monkeypatch.setenv("HUB_KEYS", json.dumps(ring_document))

    with pytest.raises(ConfigError, match="holds sealing key 2, which older backups need"):
        check_place(place, backups)


@pytest.fixture
def restored(
    store: Store,
    tmp_path: Path,
    empty_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., None]:
    """Restores a backup of `store` into an empty database; `harm` changes the manifest first."""
    made = taken(store, tmp_path / "backups")
    monkeypatch.setenv("HUB_DATABASE_URL", empty_database_url)

    def go(**harm: object) -> None:
        manifest = msgspec.structs.replace(read_manifest(made.folder), **harm)
        (made.folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        checked = check_backup(made.folder, log_is_lost=False, say=quiet)
        restore(checked, SETTINGS, who="tester", now=NOW, dry_run=False, say=quiet)

    return go


def test_a_hub_that_only_started_may_be_restored_into(
    restored: Callable[..., None], empty_database_url: str, keyring: KeyRing
) -> None:
    """Whoever migrates, looks around and starts a loader on the new machine first has lost nothing."""

    target = make_engine(empty_database_url)
    try:
        upgrade(target)
        check_keys(target)
        loader = Loader(target, keyring, SETTINGS)
        loader.drain()
        loader.close()
        target.dispose()
        restored()
        with target.connect() as conn:
            assert restoring.row_counts(conn)["crm.lead"] == 2
            assert restoring.unfinished_restore(conn) is None
    finally:
        target.dispose()


def test_a_store_with_anything_in_it_is_refused(
    restored: Callable[..., None], empty_database_url: str
) -> None:

    target = make_engine(empty_database_url)
    try:
        upgrade(target)
        with target.begin() as conn:
            conn.execute(
                sa.text("INSERT INTO ops.audit (who, action, target) VALUES ('a', 'reveal', 'b')")
            )
        target.dispose()

        with pytest.raises(ConfigError, match=r"not empty \(ops.audit\)"):
            restored()
    finally:
        target.dispose()


def test_a_store_that_somebody_uses_is_refused(
    restored: Callable[..., None], empty_database_url: str
) -> None:
    user = make_engine(empty_database_url, application="lead-hub")
    try:
        with user.connect(), pytest.raises(ConfigError, match="in use by lead-hub"):
            restored()
    finally:
        user.dispose()


def test_an_older_server_is_refused(restored: Callable[..., None]) -> None:
    with pytest.raises(ConfigError, match="PostgreSQL 99 or newer"):
        restored(server=99)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ({"content_hash": "0" * 64}, "content hash"),
        ({"rows": {"crm.lead": 3}}, "other numbers of rows"),
        ({"laws": {}}, "other outcomes"),
    ],
)
def test_a_store_that_is_not_what_was_backed_up_serves_nobody(
    restored: Callable[..., None], empty_database_url: str, harm: dict[str, object], words: str
) -> None:

    with pytest.raises(StoreError, match=words):
        restored(**harm)

    target = make_engine(empty_database_url)
    try:
        with pytest.raises(ConfigError, match="was not finished"):
            upgrade(target)
    finally:
        target.dispose()
