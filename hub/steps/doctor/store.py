"""The doctor at the database: the server, schema, keys, what holds back vacuum."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.database.migrate import HEAD, current_revision
from hub.database.sessions import database_bytes
from hub.database.vacuum import dead_rows, holders
from hub.database.vitals import read_vitals
from hub.errors import HubError
from hub.steps.doctor.finding import Finding, Scene, bad, good, warning
from hub.steps.keys.check import check_keys

OLD_SNAPSHOT_S = 15 * 60
# A slot that lags has no age in seconds; a busy hub uses a few thousand transactions a minute.
LAGGING_XIDS = 1_000_000
# Autovacuum comes once a minute; until then a busy queue leaves some hundred thousand.
DEAD_ROWS, DEAD_PER_LIVE = 1_000_000, 10
CROWDED_SHARE = 0.8
SKEW_WARNING, SKEW_BAD = timedelta(seconds=5), timedelta(seconds=60)
_MB = 1_048_576


def look_at_server(engine: sa.Engine, scene: Scene) -> Iterator[Finding]:
    """Version, size, connections, whether it can be written to, whether its clock agrees with ours."""
    with store_errors(), engine.begin() as conn:
        before = scene.now
        vitals = read_vitals(conn)
        skew = vitals.at - (before + (scene.now - before) / 2)
        size = database_bytes(conn) / _MB
        version = ".".join(str(part) for part in conn.dialect.server_version_info or ())
    if vitals.is_read_only:
        mend = "it has failed over, or default_transaction_read_only is on: point HUB_DATABASE_URL at the primary"
        yield bad(
            "database", f"PostgreSQL {version} is read-only; receivers spool meanwhile", mend
        )
    else:
        yield good("database", f"PostgreSQL {version}, {size:.0f} MB")
    used = f"{vitals.connections} of {vitals.max_connections} connections"
    if vitals.connections > CROWDED_SHARE * vitals.max_connections:
        yield warning("connections", used, "end what idles, or raise max_connections")
    else:
        yield good("connections", used)
    yield clock_finding("clock", "the database", skew)


def clock_finding(what: str, whose: str, skew: timedelta) -> Finding:
    """What a difference between another clock and ours means; positive: the other is ahead."""
    apart = abs(skew)
    seen = f"{whose} and this machine are {apart.total_seconds():.0f} s apart"
    if apart < SKEW_WARNING:
        return good(what, seen)
    mend = "timedatectl status on both; platforms refuse, and we refuse, what is signed at another time"
    return (bad if apart >= SKEW_BAD else warning)(what, seen, mend)


def look_at_schema(engine: sa.Engine) -> Iterator[Finding]:
    """Whether the schema is that of this release."""
    revision = current_revision(engine)
    if revision == HEAD:
        yield good("schema", f"at {HEAD}")
    else:
        yield bad("schema", f"at {revision or 'nothing'}, needs {HEAD}", "hub migrate")


def look_at_keys(engine: sa.Engine) -> Iterator[Finding]:
    """Whether the key ring opens this database."""
    try:
        check_keys(engine)
    except HubError as error:
        yield bad("keys", str(error), "docs/keys.md")


def look_at_vacuum(engine: sa.Engine) -> Iterator[Finding]:
    """Who holds an old snapshot, and what dead rows lie behind it."""
    with store_errors(), engine.begin() as conn:
        found = holders(conn)
        dead = [row for row in dead_rows(conn, DEAD_ROWS) if row.dead > DEAD_PER_LIVE * row.live]
    old = [
        one
        for one in found
        if (one.seconds or 0) > OLD_SNAPSHOT_S or (one.seconds is None and one.xids > LAGGING_XIDS)
    ]
    for one in old:
        since = (
            f"for {one.seconds:.0f} s"
            if one.seconds is not None
            else f"behind {one.xids} transactions"
        )
        seen = f"{one.who} holds a snapshot {since}"
        yield warning("vacuum", seen, "end it: it keeps dead rows of the queue from being reused")
    if not old:
        oldest = max((one.seconds or 0 for one in found), default=0.0)
        yield good("vacuum", f"oldest transaction {oldest:.0f} s")
    for row in dead:
        seen = f"{row.name}: {row.dead} dead rows, {row.live} live, {row.size / _MB:.0f} MB"
        yield warning("bloat", seen, f"VACUUM {row.name}; is autovacuum on?")
    if not dead:
        yield good("bloat", "dead rows are reused")
