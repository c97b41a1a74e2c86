"""The doctor at what flows: loaders, held records, spools, drift, mappings, tokens, processes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.inbox.counts import is_queue_filled
from hub.inbox.depths import held_by_source
from hub.inbox.spool import refused_files
from hub.ops import health
from hub.ops.heartbeats import beats
from hub.ops.tokens import StoredToken, all_tokens
from hub.registry.files import schema_files
from hub.registry.findings import find_findings
from hub.settings import HubSettings
from hub.steps.doctor.finding import Finding, Scene, bad, good, warning
from hub.steps.publish import newer_shipped, unexported
from hub.steps.sources.overview import overview
from hub.steps.spool_drain import count_spooled

LOADER_SILENT = timedelta(seconds=30)
RECEIVER_SILENT = NOTIFIER_SILENT = timedelta(seconds=60)
DAGSTER_SILENT = timedelta(minutes=3)
TOKEN_ENDS_WITHIN = timedelta(days=7)


def look_at_loader(engine: sa.Engine, scene: Scene) -> Iterator[Finding]:
    """Whether anybody loads, and whether that matters at the moment."""
    with store_errors(), engine.begin() as conn:
        seen_at = health.last_loader_beat(conn)
        waits = is_queue_filled(conn)
    now = scene.now
    if seen_at is not None and now - seen_at < LOADER_SILENT:
        yield good("loader", f"seen {(now - seen_at).total_seconds():.0f} s ago")
        return
    seen = "never seen" if seen_at is None else f"last seen {seen_at:%Y-%m-%d %H:%M:%S} UTC"
    yield (bad if waits else warning)("loader", seen, "hub work")


def look_at_processes(engine: sa.Engine, scene: Scene) -> Iterator[Finding]:
    """When receivers, the notifier and Dagster's daemon said last that they live."""
    settings, now = scene.settings, scene.now
    pushed = any(source.push for source in settings.all_sources().values())
    told = bool(settings.alerts.channels)
    with store_errors(), engine.begin() as conn:
        for process, silent, mend, is_needed in (
            ("receiver", RECEIVER_SILENT, "hub receive", pushed),
            ("notifier", NOTIFIER_SILENT, "hub notify: until it runs alerts reach nobody", told),
            (
                "dagster",
                DAGSTER_SILENT,
                "start Dagster's daemon: no pulls, no checks meanwhile",
                False,
            ),
        ):
            found = [now - row["seen_at"] for row in beats(conn, process)]
            yield _process(process, found, silent, mend, is_needed=is_needed)


def _process(
    process: str, ages: list[timedelta], silent: timedelta, mend: str, *, is_needed: bool
) -> Finding:
    living = [age for age in ages if age <= silent]
    if not ages:
        return (warning if is_needed else good)(
            process, "never seen", *([mend] if is_needed else [])
        )
    seen = (
        f"{len(living)} of {len(ages)} live, last heard of {min(ages).total_seconds():.0f} s ago"
    )
    if not living:
        return bad(process, seen, mend)
    return good(process, seen) if len(living) == len(ages) else warning(process, seen, mend)


def look_at_records(engine: sa.Engine, scene: Scene) -> Iterator[Finding]:
    """Records that are held, deliveries in spools of this machine, what the database refuses."""
    spools = scene.home / "spool"
    with store_errors(), engine.begin() as conn:
        held = sum(held_by_source(conn).values())
        waiting = sum(count_spooled(conn, spools).values())
    if held:
        yield warning("held", f"{held} records wait", "hub held list")
    else:
        yield good("held", "no record waits")
    if waiting:
        seen = f"{waiting} deliveries wait on this machine"
        yield warning(
            "spool", seen, "a running hub receive drains it once it reaches the database"
        )
    else:
        yield good("spool", "empty")
    refused = refused_files(spools)
    if refused:
        mend = "restart a receiver, which tries them again; docs/delivery.md"
        yield bad("spool", f"the database refuses {refused} deliveries; they are kept", mend)


def look_at_mappings(engine: sa.Engine, settings: HubSettings) -> Iterator[Finding]:
    """Open drift, sources without a live mapping, and where registry and files differ."""
    with store_errors(), engine.begin() as conn:
        drifts = len(find_findings(conn, states=("open",)))
        files = schema_files(settings)
        loose, newer = unexported(conn, files), newer_shipped(conn, files)
    if drifts:
        yield warning("drift", f"{drifts} findings are open", "hub drift list")
    else:
        yield good("drift", "no source has changed")
    for merchant, name in loose:
        whose = f" --merchant {merchant}" if merchant else ""
        mend = f"hub mapping export {name.rpartition('/')[0]}{whose}, then commit the file"
        yield warning("mappings", f"{name} is live, and no file holds it as it is", mend)
    for name in newer:
        seen = f"{name} is shipped, and an older version is live"
        yield warning("mappings", seen, f"hub mapping publish {name}")
    if not (loose or newer):
        yield good("mappings", "what is live is what the files hold")


def look_at_sources(engine: sa.Engine, scene: Scene) -> Iterator[Finding]:
    """The live mapping versions of each source that something arrives at."""
    lines = overview(engine, scene.settings, scene.now)
    for line in lines:
        if not line.mappings and line.arrives_by != "file":
            seen = f"{line.source_key}: no mapping is live; its records are held"
            yield warning("versions", seen, f"hub source show {line.source_key}")
    live = sorted({name for line in lines for name in line.mappings})
    if live:
        yield good("versions", ", ".join(live))


def look_at_tokens(engine: sa.Engine, scene: Scene) -> Iterator[Finding]:
    """Grants of platforms: lost, ended, about to end."""
    with store_errors(), engine.begin() as conn:
        found = [row for row in all_tokens(conn) if row.source_key in scene.settings.sources]
    for row in found:
        yield _token(row, scene)


def _token(row: StoredToken, scene: Scene) -> Finding:
    what, mend = f"token {row.source_key}", f"hub source authorize {row.source_key}"
    if row.lost:
        return bad(what, f"the grant is lost: {row.detail or 'the platform says so'}", mend)
    ends_at = row.refresh_expires_at
    if row.sealed is None:
        return warning(what, "never authorised", mend)
    if ends_at is None:
        return good(what, "fetched anew when it ends")
    seen = f"ends {ends_at:%Y-%m-%d %H:%M} UTC"
    if ends_at <= scene.now:
        return bad(what, seen.replace("ends", "ended"), mend)
    if ends_at - scene.now < TOKEN_ENDS_WITHIN:
        return warning(what, seen, f"hub pull {row.source_key} renews it; is Dagster running?")
    return good(what, seen)
