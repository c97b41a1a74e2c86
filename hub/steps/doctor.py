"""Doctor: what is wrong with this installation, and the command that mends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

from hub.connectors.base import connectors
from hub.database.engine import store_errors
from hub.database.migrate import HEAD, current_revision
from hub.database.sessions import oldest_transaction_age
from hub.errors import HubError
from hub.inbox import counts
from hub.ops import health
from hub.registry.files import SchemaFiles, schema_files
from hub.registry.findings import find_findings
from hub.settings import HubSettings, SourceSettings, config_path, load_settings
from hub.steps.check_settings import settings_problems
from hub.steps.key_check import check_keys
from hub.steps.keys import open_keyring
from hub.steps.open_store import Store, open_store
from hub.steps.publish import newer_shipped, unexported
from hub.steps.spool_drain import count_spooled

OLD_SNAPSHOT = timedelta(minutes=15)
LOADER_SILENT = timedelta(seconds=30)
_SECRET_SCHEMES_WITHOUT = ("none", "record_only")


class Health(StrEnum):
    """How bad a finding is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was seen, and what to do if it is not good."""

    what: str
    health: Health
    seen: str
    mend: str = ""


def examine(spool: Path, now: datetime | None = None) -> list[Finding]:
    """Everything that can be looked at from here; never raises for what it finds."""
    now = now or datetime.now(UTC)
    findings: list[Finding] = []
    try:
        settings = load_settings()
    except HubError as error:
        return [Finding("settings", Health.BAD, str(error), "correct that line")]
    shown = config_path() if config_path().exists() else "no file: one merchant, no source"
    findings.append(Finding("settings", Health.GOOD, str(shown)))
    findings += _unsound(settings)
    findings += _sources(settings)
    findings.append(_try("keys", lambda: str(len(open_keyring().sealing)) + " sealing keys"))
    try:
        with open_store(migrate=False) as store:
            findings += _store(store, settings, spool, now)
    except HubError as error:
        findings.append(
            Finding(
                "store", Health.BAD, str(error), "start PostgreSQL, or put HUB_DATABASE_URL right"
            )
        )
    return findings


def _sources(settings: HubSettings) -> Iterator[Finding]:
    installed = connectors()
    sources = settings.all_sources()
    if not sources:
        yield Finding(
            "sources", Health.WARNING, "none", "add one to hub.yaml: docs/configuration.md"
        )
    for key, source in sources.items():
        if source.platform not in installed:
            known = ", ".join(sorted(installed))
            yield Finding(
                f"source {key}",
                Health.BAD,
                f"no connector {source.platform}",
                f"installed: {known}",
            )
        else:
            yield _secret(key, source)


def _unsound(settings: HubSettings) -> Iterator[Finding]:
    for problem in settings_problems(settings):
        yield Finding("settings", Health.BAD, problem, "correct that line")


def _secret(key: str, source: SourceSettings) -> Finding:
    signature = source.signature
    if not source.push or source.platform == "webform":
        return Finding(f"source {key}", Health.GOOD, source.platform)
    if signature.scheme in _SECRET_SCHEMES_WITHOUT:
        seen = f"signature scheme {signature.scheme}: anybody who knows the address can push"
        return Finding(f"source {key}", Health.WARNING, seen, "set `signature:` in hub.yaml")
    if not os.environ.get(signature.secret_env, ""):
        seen = f"environment variable {signature.secret_env or '(secret_env)'} is not set"
        return Finding(
            f"source {key}", Health.BAD, seen, "set it; until then every push is refused"
        )
    return Finding(f"source {key}", Health.GOOD, f"{source.platform}, {signature.scheme}")


def _store(store: Store, settings: HubSettings, spool: Path, now: datetime) -> Iterator[Finding]:
    revision = current_revision(store.engine)
    if revision != HEAD:
        yield Finding("schema", Health.BAD, f"at {revision}, needs {HEAD}", "hub migrate")
        return
    yield Finding("schema", Health.GOOD, f"at {HEAD}")
    try:
        check_keys(store.engine)
    except HubError as error:
        yield Finding("keys", Health.BAD, str(error), "docs/keys.md")
    with store_errors(), store.engine.begin() as conn:
        yield _snapshot(conn)
        yield _loader(conn, now)
        yield _held(conn)
        yield _spool(conn, spool)
        yield _drift(conn)
        try:
            yield from _mappings(conn, schema_files(settings))
        except HubError as error:
            yield Finding("mappings", Health.BAD, str(error), "correct `schemas_dir` in hub.yaml")


def _drift(conn: sa.Connection) -> Finding:
    count = len(find_findings(conn, states=("open",)))
    if count:
        return Finding("drift", Health.WARNING, f"{count} findings are open", "hub drift list")
    return Finding("drift", Health.GOOD, "no source has changed")


def _mappings(conn: sa.Connection, files: SchemaFiles) -> Iterator[Finding]:
    """Where the registry and the shipped files differ."""
    loose, newer = unexported(conn, files), newer_shipped(conn, files)
    for merchant, name in loose:
        whose = f" --merchant {merchant}" if merchant else ""
        seen = f"{name} is live, and no file holds it as it is"
        mend = f"hub mapping export {name.rpartition('/')[0]}{whose}, then commit the file"
        yield Finding("mappings", Health.WARNING, seen, mend)
    for name in newer:
        seen = f"{name} is shipped, and an older version is live"
        yield Finding("mappings", Health.WARNING, seen, f"hub mapping publish {name}")
    if not (loose or newer):
        yield Finding("mappings", Health.GOOD, "what is live is what the files hold")


def _snapshot(conn: sa.Connection) -> Finding:
    age = oldest_transaction_age(conn)
    seen = f"oldest transaction {age.total_seconds():.0f} s"
    if age > OLD_SNAPSHOT:
        return Finding(
            "vacuum",
            Health.WARNING,
            seen,
            "end it: it keeps dead rows of the queue from being reused",
        )
    return Finding("vacuum", Health.GOOD, seen)


def _loader(conn: sa.Connection, now: datetime) -> Finding:
    seen_at = health.last_loader_beat(conn)
    waits = counts.is_queue_filled(conn)
    if seen_at is not None and now - seen_at < LOADER_SILENT:
        return Finding("loader", Health.GOOD, f"seen {(now - seen_at).total_seconds():.0f} s ago")
    seen = "never seen" if seen_at is None else f"last seen {seen_at:%Y-%m-%d %H:%M:%S} UTC"
    return Finding("loader", Health.BAD if waits else Health.WARNING, seen, "hub work")


def _held(conn: sa.Connection) -> Finding:
    held = sum(counts.record_terms(conn)["held"].values())
    if held:
        return Finding("held", Health.WARNING, f"{held} records wait", "hub held list")
    return Finding("held", Health.GOOD, "no record waits")


def _spool(conn: sa.Connection, spool: Path) -> Finding:
    waiting = sum(count_spooled(conn, spool).values())
    if waiting:
        return Finding(
            "spool",
            Health.WARNING,
            f"{waiting} deliveries wait on this machine",
            "hub receive drains it",
        )
    return Finding("spool", Health.GOOD, "empty")


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, Health.GOOD, look())
    except HubError as error:
        return Finding(what, Health.BAD, str(error), "hub keys new")
