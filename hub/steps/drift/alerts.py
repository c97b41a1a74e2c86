"""Alerts about drift: one for all that changed at a source's entity, whatever the number of fields and records."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from hub.alerts.outbox import Severity, close_alert, raise_alert
from hub.drift.kinds import Kind, State
from hub.registry.findings import Finding
from hub.settings import SourceSettings
from hub.steps.drift.sighted import Ledger

_ORDER: tuple[Severity, ...] = ("info", "warning", "critical")


def raise_news(
    conn: sa.Connection,
    ledger: Ledger,
    sources: Mapping[str, SourceSettings],
    *,
    with_grown: bool = False,
) -> None:
    """Tell of what is new, and close what has ended; `with_grown` also brings counts up to date."""
    told = ledger.news | ledger.changed if with_grown else ledger.news
    found = [ledger.known[name] for name in told]
    places = {_place(one) for one in found if one.state == State.OPEN}
    for place in sorted(places):
        open_here = [
            one
            for one in ledger.known.values()
            if one.state == State.OPEN and _place(one) == place
        ]
        _raise(conn, place, open_here, sources)
    still = {_place(one) for one in ledger.known.values() if one.state == State.OPEN}
    for place in {_place(ledger.known[name]) for name in ledger.ended} - still:
        close_alert(conn, _key(place))


def _place(finding: Finding) -> tuple[str, str, str, str]:
    return finding.merchant, finding.platform, finding.entity, finding.source_key


def _key(place: tuple[str, str, str, str]) -> str:
    return "drift:" + ":".join(place)


def _raise(
    conn: sa.Connection,
    place: tuple[str, str, str, str],
    found: list[Finding],
    sources: Mapping[str, SourceSettings],
) -> None:
    found.sort(key=lambda one: (one.first_seen, one.id))
    merchant, platform, entity, source_key = place
    severity = max((one.severity for one in found), key=lambda word: _ORDER.index(word))
    changes = [[str(one.kind), one.pointer] for one in found]
    # one record may show several changes: as many are held at least
    held = max(int(one.detail.get("held", 0)) for one in found)
    where = source_key or f"{platform}/{entity}"
    quiet = any(one.kind == Kind.SILENCE for one in found)
    command = f"hub source check {source_key}" if quiet else f"hub drift show {found[0].id}"
    raise_alert(
        conn,
        dedupe_key=_key(place),
        severity=severity,  # type: ignore[arg-type]
        merchant=merchant or None,
        owner=next((one.owner for one in found if one.owner), None),
        facts={
            "where": where,
            "changes": changes,
            "since": found[0].first_seen.isoformat(),
            "held": held,
            "command": command,
        },
        count=max(one.count for one in found),
        is_total=True,
    )
