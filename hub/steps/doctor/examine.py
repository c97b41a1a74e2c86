"""Doctor: what is wrong with this installation, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import sqlalchemy as sa

from hub.errors import HubError
from hub.settings import load_settings
from hub.steps.doctor import alerts as doctor_alerts
from hub.steps.doctor import edge as doctor_edge
from hub.steps.doctor import flow as doctor_flow
from hub.steps.doctor import host as doctor_host
from hub.steps.doctor import store as doctor_store
from hub.steps.doctor.finding import Finding, Health, Look, Scene, bad, looked
from hub.steps.open_store import Store, check_connection, open_store

__all__ = ("Finding", "Health", "Scene", "examine", "look_around")


def examine(*, offline: bool = False, ask_address: str = "") -> list[Finding]:
    """Everything that can be looked at from here; never raises for what it finds, no look takes long.

    Args:
        offline: Look at nothing beyond this machine and the database.
        ask_address: A URL that answers with the address of who asks it; "" asks nobody.
    """
    try:
        settings = load_settings()
    except HubError as error:
        return [bad("settings", str(error), "correct that line")]
    return look_around(Scene(settings, offline=offline, ask_address=ask_address))


def look_around(scene: Scene) -> list[Finding]:
    """All findings of a scene, this machine first."""
    findings = _all(
        ("settings", partial(doctor_host.look_at_settings, scene.settings)),
        ("sources", partial(doctor_host.look_at_sources, scene)),
        ("keys", doctor_host.look_at_keyring),
        ("disk", partial(doctor_host.look_at_disks, scene)),
        ("ports", doctor_host.look_at_ports),
        ("dagster home", partial(doctor_host.look_at_dagster_home, scene)),
    )
    findings += _all(
        *(
            (f"channel {name}", partial(doctor_alerts.look_at_channel, scene, name))
            for name in scene.settings.alerts.channels
        )
    )
    try:
        with _store() as store:
            findings += _of_store(store.engine, scene)
    except HubError as error:
        findings.append(
            bad("database", str(error), "start PostgreSQL, or put HUB_DATABASE_URL right")
        )
    if not scene.offline:
        findings += _all(
            ("public edge", partial(doctor_edge.look_at_edge, scene)),
            ("outgoing address", partial(doctor_edge.look_at_outgoing, scene)),
        )
    return findings


@contextmanager
def _store() -> Iterator[Store]:
    """The store, if it can be reached."""
    with open_store(migrate=False, application="hub doctor") as store:
        check_connection(store)
        yield store


def _of_store(engine: sa.Engine, scene: Scene) -> list[Finding]:
    findings = _all(
        ("database", partial(doctor_store.look_at_server, engine, scene)),
        ("schema", partial(doctor_store.look_at_schema, engine)),
        ("vacuum", partial(doctor_store.look_at_vacuum, engine)),
    )
    if any(one.what == "schema" and one.health is Health.BAD for one in findings):
        return findings
    return findings + _all(
        ("keys", partial(doctor_store.look_at_keys, engine)),
        ("loader", partial(doctor_flow.look_at_loader, engine, scene)),
        ("processes", partial(doctor_flow.look_at_processes, engine, scene)),
        ("records", partial(doctor_flow.look_at_records, engine, scene)),
        ("mappings", partial(doctor_flow.look_at_mappings, engine, scene.settings)),
        ("versions", partial(doctor_flow.look_at_sources, engine, scene)),
        ("tokens", partial(doctor_flow.look_at_tokens, engine, scene)),
        ("alerts", partial(doctor_alerts.look_at_alerts, engine, scene)),
        ("channels", partial(doctor_alerts.look_at_tries, engine, scene)),
    )


def _all(*looks: tuple[str, Look]) -> list[Finding]:
    return [finding for what, look in looks for finding in looked(what, look)]
