"""Platform count: what a platform says it sent on a day against what arrived.

A push that never came is visible nowhere else. Where a list by creation time exists, the whole day is
pulled: what the push lost is loaded by that and counted. Else a person or a file says the figure.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.alerts.saying import say
from hub.connectors.base import connector_for
from hub.crm import counts as crm_counts
from hub.database.engine import store_errors
from hub.errors import ConfigError, TransientError
from hub.inbox import counts as inbox_counts
from hub.inbox import reading
from hub.model.delivery import Via
from hub.model.ids import record_span
from hub.model.outcome import IN_CRM, Outcome
from hub.ops.platform_counts import PlatformCount, StatedBy, read_counts, save_count
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.grant import configured_source
from hub.steps.sources.pull import PullOptions, PullResult, pull_source

# The platforms' days are days of China; none documents another.
ZONE = ZoneInfo("Asia/Shanghai")
_PUSHED = (Via.PUSH, Via.FORM)
_SET_ASIDE = (Outcome.NOT_A_LEAD, Outcome.DISCARDED, Outcome.ERASED)
_UNDER_WAY = (Outcome.HELD, Outcome.WAITING, Outcome.QUEUED)
WAIT_S, POLL_S = 120.0, 0.2


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """The instants between which a platform's day lies."""
    start = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    return start, start + timedelta(days=1)


def countable_streams(source: SourceSettings) -> tuple[str, ...]:
    """The streams of a source that can be listed by day with a total."""
    dated = getattr(connector_for(source.platform), "dated_streams", ())
    return tuple(stream for stream in source.pulls if stream in dated)


def count_by_list(  # noqa: PLR0913 -- the store's three parts, what to count, and how to load
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    source_key: str,
    day: date,
    *,
    now: datetime,
    load: Callable[[], object],
    options: PullOptions | None = None,
) -> PlatformCount:
    """Pull a whole day of a source, load it with `load`, and say what was missing before.

    Raises:
        ConfigError: the source has no list by day, or the day is not over yet.
        TransientError: the platform is away, or no loader took what was pulled.
        PlatformRejectedError, AuthorizationLostError: as the platform says.
    """
    source = configured_source(settings, source_key)
    streams = countable_streams(source)
    if not streams:
        raise ConfigError(
            f"{source_key}: {source.platform} lists nothing by day; say what its console shows with"
            f" `hub source count {source_key} --day {day} --stated N`, or import its export"
        )
    start, end = day_bounds(day)
    if now < start:
        raise ConfigError(f"{day} has not begun yet")
    wanted = replace(options or PullOptions(), since=start, until=end, streams=streams)
    pulled = asyncio.run(
        pull_source(engine, keyring, settings, source_key, now=now, options=wanted)
    )
    load()
    _wait_until_loaded(engine, _deliveries(pulled))
    found = _compare(engine, source_key, source, day, pulled, now)
    save_and_tell(engine, source, found)
    return found


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody says a platform sent on a day: a person who read it, or a file that lists the day."""

    source_key: str
    day: date
    leads: int
    stated_by: StatedBy


def count_by_statement(
    engine: sa.Engine, settings: HubSettings, said: Statement, *, now: datetime
) -> PlatformCount:
    """Compare a statement with what arrived; see `count_by_list` for what happens with the answer."""
    source_key, day = said.source_key, said.day
    source = configured_source(settings, source_key)
    start, end = day_bounds(day)
    with store_errors(), engine.begin() as conn:
        leads = crm_counts.leads_submitted(conn, source_key, start, end)
        lost = _not_pushed(conn, source, leads)
        held = _held_between(conn, source_key, start, end)
    found = PlatformCount(
        source_key=source_key, day=day, stated_by=said.stated_by, stated=said.leads, arrived=len(leads),
        not_pushed=lost, held=held, set_aside=0, counted_at=now,
    )  # fmt: skip
    save_and_tell(engine, source, found)
    return found


def count_by_file(
    engine: sa.Engine,
    settings: HubSettings,
    source_key: str,
    days: Mapping[str, int],
    *,
    now: datetime,
    load: Callable[[], object],
) -> list[PlatformCount]:
    """Compare a file that lists every lead of its days (day → rows) with what arrived, once it is loaded.

    Raises:
        ConfigError: the file does not say when its leads were submitted.
    """
    if not days:
        raise ConfigError(
            "no column says when a lead was submitted: nothing can be counted by day"
        )
    load()
    said = [Statement(source_key, date.fromisoformat(day), n, "file") for day, n in days.items()]
    return [count_by_statement(engine, settings, one, now=now) for one in said]


def save_and_tell(engine: sa.Engine, source: SourceSettings, found: PlatformCount) -> None:
    """Store a count; alert if leads are missing or the push lost some, close what is over.

    A day is complete when nobody's figure of it is short: two alerts, so that a gap that was filled ends
    the critical one and a person still hears of the push.
    """
    with store_errors(), engine.begin() as conn:
        save_count(conn, found)
        of_day = read_counts(conn, since=found.day, source_key=found.source_key)
        worst = max((one for one in of_day if one.day == found.day), key=lambda one: one.missing)
        _tell(conn, source, worst, "platform-count", is_so=worst.missing > 0)
        lost = worst.missing <= 0 < found.not_pushed
        _tell(conn, source, found, "platform-count-push", is_so=lost)


def _tell(
    conn: sa.Connection, source: SourceSettings, found: PlatformCount, kind: str, *, is_so: bool
) -> None:
    key = f"{kind}:{found.source_key}:{found.day}"
    if not is_so:
        close_alert(conn, key)
        return
    raise_alert(
        conn,
        dedupe_key=key,
        severity="critical" if found.missing > 0 else "warning",
        facts={**_facts(found), "command": _mend(source, found)},
        merchant=source.merchant,
        owner=source.owner or None,
        count=0,
    )


def in_words(found: PlatformCount) -> str:
    """One line about a day: what the platform says, what came, what is missing."""
    return say("platform-count", {**_facts(found), "command": ""}, "en").summary


def _facts(found: PlatformCount) -> dict[str, object]:
    """What an alert about a day says; figures of nothing are left out, but for the first two."""
    figures = (("held", found.held), ("set_aside", found.set_aside),
               ("not_pushed", found.not_pushed), ("missing", found.missing))  # fmt: skip
    named = [["stated", found.stated], ["arrived", found.arrived]]
    named += [[name, figure] for name, figure in figures if figure > 0]
    return {"source": found.source_key, "day": found.day.isoformat(), "figures": named}


def _mend(source: SourceSettings, found: PlatformCount) -> str:
    if found.missing <= 0:
        return f"hub source show {found.source_key}"
    if countable_streams(source):
        return f"hub source count {found.source_key} --day {found.day}"
    return f"hub import EXPORT --source {found.source_key} --whole-days"


def _deliveries(pulled: PullResult) -> list[UUID]:
    return [one for stream in pulled.streams for one in stream.deliveries]


def _wait_until_loaded(engine: sa.Engine, deliveries: Sequence[UUID]) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        with store_errors(), engine.begin() as conn:
            if not reading.are_queued(conn, deliveries):
                return
        if time.monotonic() > deadline:
            raise TransientError("what was pulled is still queued; start `hub work`, count again")
        time.sleep(POLL_S)


def _compare(
    engine: sa.Engine,
    source_key: str,
    source: SourceSettings,
    day: date,
    pulled: PullResult,
    now: datetime,
) -> PlatformCount:
    """The pull's own records: which are leads, which are not, which no push had brought."""
    spans = [record_span(one) for one in _deliveries(pulled)]
    with store_errors(), engine.begin() as conn:
        ids = reading.records_of_deliveries(conn, spans)
        inbox = inbox_counts.record_standings(conn, ids)
        crm = crm_counts.record_standings(conn, ids)
        leads = crm_counts.revisions_beside(conn, ids)
        lost = _not_pushed(conn, source, leads)
    words = Counter(word for standing in (inbox, crm) for one in standing.values() for word in one)
    stated = sum(stream.reported or len(stream.listed) for stream in pulled.streams)
    return PlatformCount(
        source_key=source_key,
        day=day,
        stated_by="list",
        stated=stated,
        arrived=len(leads) if any(words[word] for word in IN_CRM) else 0,
        not_pushed=lost,
        held=sum(words[word] for word in _UNDER_WAY),
        set_aside=sum(words[word] for word in _SET_ASIDE),
        counted_at=now,
    )


def _not_pushed(
    conn: sa.Connection, source: SourceSettings, leads: Mapping[UUID, tuple[UUID, ...]]
) -> int:
    """How many of these leads came by no push, where there is one."""
    if not source.push:
        return 0
    ids = [record for revisions in leads.values() for record in revisions]
    came = reading.arrival_of_records(conn, ids)
    return sum(
        not any(came.get(record) in _PUSHED for record in revisions)
        for revisions in leads.values()
    )


def _held_between(conn: sa.Connection, source_key: str, start: datetime, end: datetime) -> int:
    """What of a source arrived in that time and stands before a person or a platform."""
    return sum(
        inbox_counts.standing_between(conn, term, source_key, start, end)
        for term in (Outcome.HELD, Outcome.WAITING)
    )
