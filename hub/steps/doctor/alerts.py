"""The doctor at alerts: whether channels work, what nobody has taken on, what did not go out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from hub.alerts.figures import messages_due, messages_given_up, open_by_severity
from hub.alerts.reading import last_tries
from hub.database.engine import store_errors
from hub.steps.alerting.check_channels import check_channels
from hub.steps.doctor.finding import Finding, Scene, bad, good, warning

_DAY = timedelta(days=1)


def look_at_channel(scene: Scene, name: str) -> Iterator[Finding]:
    """One channel: its settings, its secrets, and what can be asked of it without sending a message."""
    alerts = scene.settings.alerts
    only = alerts.model_copy(update={"channels": {name: alerts.channels[name]}})
    settings = scene.settings.model_copy(update={"alerts": only})
    for check in check_channels(settings, scene.environment, probe=not scene.offline):
        what = f"channel {name}"
        yield good(what, check.seen) if check.ok else bad(what, check.seen, check.mend)


def look_at_alerts(engine: sa.Engine, scene: Scene) -> Iterator[Finding]:
    """Open alerts that nobody acknowledged, messages that wait or were given up."""
    with store_errors(), engine.begin() as conn:
        waiting = [one for one in open_by_severity(conn) if not one.acknowledged]
        due = messages_due(conn, scene.now)
        lost = messages_given_up(conn, scene.now - _DAY)
    for one in waiting:
        seen = f"{one.alerts} {one.severity} unacknowledged, the oldest since {one.oldest_at:%Y-%m-%d %H:%M} UTC"
        worst = bad if one.severity == "critical" else warning
        yield worst("alerts", seen, "hub alerts list; hub alerts ack ID")
    if not waiting:
        yield good("alerts", "none that nobody has taken on")
    if lost:
        yield bad("messages", f"{lost} given up within a day", "hub alerts test --all")
    elif due:
        yield warning("messages", f"{due} should be out", "does hub notify run?")
    else:
        yield good("messages", "none waits")


def look_at_tries(engine: sa.Engine, scene: Scene) -> Iterator[Finding]:
    """What each channel answered last: the only proof of a key that no platform checks without a message."""
    with store_errors(), engine.begin() as conn:
        found = {row["channel"]: row for row in last_tries(conn)}
    for name in scene.settings.alerts.channels:
        row, what, mend = found.get(name), f"channel {name}", f"hub alerts test {name}"
        if row is None:
            yield warning(what, "no message ever went through it: its key is unproved", mend)
            continue
        at = f"{row['started_at']:%Y-%m-%d %H:%M} UTC"
        if row["failure"]:
            yield bad(what, f"failed {at}: {row['said'] or row['failure']}", mend)
        else:
            yield good(what, f"took a message {at}")
