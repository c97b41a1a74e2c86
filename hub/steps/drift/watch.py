"""Watch: the one evaluator of drift, ticked by every loader about once a second.

Who gets the lock takes what all loaders saw, writes findings and alerts, and puts back into the queue what
a newer mapping may mend. Whoever dies in between leaves the rows for the next.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from hub.database.engine import driver, store_errors
from hub.drift.kinds import OF_ONE_SOURCE, Kind, State
from hub.model.calendar import kind_of_day
from hub.ops import loaders
from hub.ops.sightings import Sighting, take_deltas, take_sightings
from hub.registry import findings
from hub.registry.findings import Finding
from hub.settings import HubSettings
from hub.steps.drift.alerts import raise_news
from hub.steps.drift.arrivals import judge_arrivals
from hub.steps.drift.observe import Observer
from hub.steps.drift.profiles import Profiles
from hub.steps.drift.sighted import Ledger, note_required
from hub.steps.mappings import LiveMappings
from hub.steps.replay_due import requeue_due

log = logging.getLogger("hub.watch")
TICK_EVERY, NEWS_EVERY = timedelta(seconds=1), timedelta(seconds=0.1)
# After a publication every tick looks for records to map anew, for batches that were under way; else seldom.
LOOK_FOR = timedelta(seconds=30)
LOOK_EVERY = timedelta(seconds=10)
ARRIVALS_EVERY = timedelta(seconds=30)
COUNTS_EVERY = timedelta(seconds=10)  # of the alerts of findings that are open already
SURGE_OVER_AFTER = timedelta(hours=2)
_PASSING = (Kind.SILENCE, Kind.SURGE)
_LOCK = 4_711_002  # of pg_try_advisory_xact_lock


class Watch:
    """The evaluator's side of one loader process."""

    def __init__(
        self,
        engine: sa.Engine,
        settings: HubSettings,
        observer: Observer,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._sources = settings.all_sources()
        self._observer = observer
        self._clock = clock
        self._mappings = LiveMappings(settings)
        self._profiles = Profiles(self._mappings)
        self._ticked_at: datetime | None = None
        self._versions: object = None
        self._published_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._arrivals_at: datetime | None = None
        self._counted_at: datetime | None = None
        self._is_moving = False
        kind_of_day(clock().date())  # the calendar is loaded now, not while leads wait

    def tick(self, *, force: bool = False) -> int:
        """Hand over what this loader saw, and evaluate if nobody else does; how many records go to the replay lane."""
        now = self._clock()
        since = now - self._ticked_at if self._ticked_at else TICK_EVERY
        is_urgent = self._observer.has_news or self._is_moving
        if not force and since < (NEWS_EVERY if is_urgent else TICK_EVERY):
            return 0
        self._ticked_at = now
        with store_errors(), self._engine.begin() as conn:
            self._observer.flush(driver(conn), now, force=force)
        with store_errors(), self._engine.begin() as conn:
            if not conn.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))).scalar():
                return 0
            self._mappings.refresh(conn)
            self._evaluate(conn, now)
            moved = self._requeue(conn, now, force=force)
        self._is_moving = moved > 0
        if moved:
            with store_errors(), self._engine.begin() as conn:
                loaders.wake(driver(conn))
        return moved

    def _evaluate(self, conn: sa.Connection, now: datetime) -> None:
        raw = driver(conn)
        self._observer.dismissed = findings.dismissed_ids(conn)
        sightings, deltas = take_sightings(raw), take_deltas(raw)
        found = self._profiles.take_in(conn, deltas, now)
        found += judge_arrivals(conn, deltas, now, is_due=self._is_due_for_arrivals(now))
        seen = sightings + found
        if not (seen or deltas):
            return
        ledger = Ledger(self._known(conn, seen), self._is_live, self._owner)
        ledger.add(seen)
        totals = Counter({d.source_key: 0 for d in deltas})
        for delta in deltas:
            totals[delta.source_key] += delta.records
        note_required(ledger)
        _end_what_is_over(ledger, totals, now)
        self._profiles.join_moves(conn, ledger)
        findings.save_findings(conn, ledger.rows())
        findings.add_to_sources(conn, _by_source(seen, ledger.known))
        raise_news(conn, ledger, self._sources, with_grown=self._is_due_for_counts(now))

    def _known(self, conn: sa.Connection, seen: Iterable[Sighting]) -> dict[str, Finding]:
        """The findings that these sightings are of, and all that are open."""
        ids = sorted({one.finding_id for one in seen})
        rows = findings.find_findings(conn, states=(State.OPEN, State.SUSPECTED), limit=5000)
        rows += findings.find_findings(conn, states=(State.DISMISSED,), kinds=_PASSING)
        rows += findings.find_findings(conn, ids=ids, limit=len(ids) + 1) if ids else []
        return {row.id: row for row in rows}

    def _is_live(self, one: Sighting) -> bool:
        if Kind(one.kind) in OF_ONE_SOURCE or one.mapping_version is None:
            return True
        return one.mapping_version == self._mappings.live_name(
            one.merchant, one.platform, one.entity
        )

    def _owner(self, source_key: str) -> str | None:
        source = self._sources.get(source_key)
        return (source.owner or None) if source else None

    def _is_due_for_counts(self, now: datetime) -> bool:
        if self._counted_at is not None and now - self._counted_at < COUNTS_EVERY:
            return False
        self._counted_at = now
        return True

    def _is_due_for_arrivals(self, now: datetime) -> bool:
        if self._arrivals_at is not None and now - self._arrivals_at < ARRIVALS_EVERY:
            return False
        self._arrivals_at = now
        return True

    def _requeue(self, conn: sa.Connection, now: datetime, *, force: bool) -> int:
        versions = self._mappings.versions()
        if versions != self._versions:
            self._versions, self._published_at = versions, now
        recent = self._published_at is not None and now - self._published_at < LOOK_FOR
        if not (force or recent) and self._looked_at and now - self._looked_at < LOOK_EVERY:
            return 0
        self._looked_at = now
        moved = requeue_due(driver(conn), self._live_name)
        if moved:
            self._published_at = now  # there may be more
        return moved

    def _live_name(self, merchant: str, source_key: str, entity: str) -> str | None:
        source = self._sources.get(source_key)
        return self._mappings.live_name(merchant, source.platform, entity) if source else None


def _end_what_is_over(ledger: Ledger, totals: Counter[str], now: datetime) -> None:
    """A source that sends again is no longer silent; a surge that nothing showed for hours is over.

    Also of what a person dismissed: the next silence is another one.
    """
    for finding in list(ledger.known.values()):
        if finding.state not in (State.OPEN, State.DISMISSED):
            continue
        if finding.kind == Kind.SILENCE and totals[finding.source_key]:
            ledger.end(finding, now, "it sends again")
        elif finding.kind == Kind.SURGE and now - finding.last_seen > SURGE_OVER_AFTER:
            ledger.end(finding, now, "no more comes than usual")


def _by_source(
    seen: Iterable[Sighting], known: dict[str, Finding]
) -> list[tuple[str, str, str, datetime, int]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    last: dict[tuple[str, str, str], datetime] = {}
    for one in seen:
        if one.finding_id in known:
            key = (one.finding_id, one.merchant, one.source_key)
            counts[key] += one.count
            last[key] = one.seen_at
    return [(*key, last[key], count) for key, count in sorted(counts.items())]
