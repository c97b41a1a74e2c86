"""The loader: claim a micro-batch, split, map, fold, resolve, write, all in one transaction.

Exactly-once effect: the queue rows go in the transaction that writes what they led to. A batch that
kills its loader, or that the database refuses, is retried in halves until the one row is found and held.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from hub.connectors.base import Connector, connectors
from hub.crm.interactions import write_interactions
from hub.crm.leads import lock_merchants
from hub.database.engine import driver, store_errors
from hub.errors import HubError, StoreAwayError
from hub.inbox import marks, queue, records
from hub.inbox.queue import QueueItem
from hub.inbox.records import ArchivedRecord
from hub.inbox.waiting import add_waiting
from hub.model.delivery import Lane
from hub.model.ids import uuid7
from hub.model.outcome import HeldReason, Outcome
from hub.ops.windows import add_counts
from hub.privacy.keyring import KeyRing
from hub.registry.merchants import account_owners
from hub.settings import HubSettings
from hub.steps.drift.observe import Observer
from hub.steps.erasure.tombstones import drop_erased_interactions, write_erased
from hub.steps.finance.fold_documents import DocumentBatch, with_documents
from hub.steps.fold_leads import MerchantBatch, by_merchant
from hub.steps.interaction_rows import interaction_rows
from hub.steps.keys.check import WrongKeysError
from hub.steps.keys.index_ring import ring_for
from hub.steps.loader_session import LoaderSession
from hub.steps.mappings import LiveMappings, prepare_registry
from hub.steps.notices import raise_notices
from hub.steps.outcome_rows import held_row, window_counts
from hub.steps.prepare import Accounts, Preparer, Work, unwatched
from hub.steps.reopened import keep_loaded, leave_standings

log = logging.getLogger("hub.load")
LIVE_BATCH, BULK_BATCH = 500, 2000
# While live leads come, other batches are short: a live one may have to wait for the merchant's lock.
POLITE_BATCH = {Lane.REPLAY: 50, Lane.BULK: 200}
LIVE_IS_BUSY_S = 2.0
HELD_AFTER_KILLS = 2


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What one batch did: queue rows taken, records by outcome.

    `by_source` are its records by source and outcome, `arrived` source and arrival of those that came
    live; `seconds` is from the claim to the commit; `failed`: undone, to be retried in halves.
    """

    items: int
    counts: Mapping[str, int]
    by_source: Mapping[tuple[str, str], int] = field(default_factory=dict)
    arrived: Sequence[tuple[str, datetime]] = ()
    lane: Lane | None = None
    seconds: float = 0.0
    failed: bool = False

    @property
    def records(self) -> int:
        """How many records the batch decided."""
        return sum(self.counts.values())


def batch_result(works: Sequence[Work], items: int) -> BatchResult:
    """What became of the records of a batch of `items` queue rows."""
    by_source = Counter((work.source_key, str(work.outcome)) for work in works)
    counts = Counter[str]()
    for (_, outcome), records_of_it in by_source.items():
        counts[outcome] += records_of_it
    arrived = [(work.source_key, work.received_at) for work in works if work.live]
    return BatchResult(items, counts, by_source, arrived)


@dataclass(slots=True)
class DrainResult:
    """What a drain did until the queue was empty."""

    batches: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, result: BatchResult) -> None:
        """One more batch."""
        self.batches += 1
        self.counts.update(result.counts)

    @property
    def records(self) -> int:
        """How many records were decided."""
        return self.counts.total()


class Loader:
    """One loader. Not for several threads; start more processes instead."""

    def __init__(
        self,
        engine: sa.Engine,
        keyring: KeyRing,
        settings: HubSettings,
        *,
        name: str = "loader",
        found: Mapping[str, Connector] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._settings = settings
        self._registry_is_ready = False
        self._clock = clock
        self._mappings = LiveMappings(settings)
        self.observer = Observer()
        self._preparer = Preparer(
            keyring,
            settings.all_sources(),
            found or connectors(),
            self._mappings,
            self.observer.look if settings.detect_drift else unwatched,
        )
        self.session = LoaderSession(engine, name)
        self._live_seen_at: datetime | None = None
        self._blamed: dict[UUID, str] = {}

    def run_once(self) -> BatchResult | None:
        """Load one batch; None when there was nothing to do.

        Raises:
            StoreAwayError: the database is away; nothing is lost, try again.
        """
        self._prepare()
        self.session.recover(self._clock())
        for lane in Lane:
            result = self._lane(lane)
            if result is not None:
                return result
        return None

    def drain(self, max_batches: int | None = None) -> DrainResult:
        """Load until the queue is empty (or `max_batches` are done)."""
        total = DrainResult()
        while max_batches is None or total.batches < max_batches:
            result = self.run_once()
            if result is None:
                break
            total.add(result)
        return total

    def reload(self, record_ids: Sequence[UUID]) -> BatchResult:
        """Map records of the archive anew under the live mappings, whatever became of them before."""
        self._prepare()
        with store_errors(), self._engine.begin() as conn:
            raw = driver(conn)
            accounts = self._refresh(conn)
            archived = records.read_records(raw, record_ids)
            works = [
                work
                for i in sorted(archived)
                if archived[i].sealed
                for work in self._preparer.reopen(archived[i])
            ]
            for work in works:
                self._preparer.map(work, accounts)
            return self._finish(raw, works, items=len(works))

    def pin(self, version: str, merchant: str) -> None:
        """Map with this version from now on, whatever is live; for replays.

        Raises:
            ConfigError: there is no such version, or it cannot be used.
        """
        with store_errors(), self._engine.begin() as conn:
            self._mappings.pin(conn, version, merchant)

    def close(self) -> None:
        """Give back what the loader holds."""
        self.session.close()

    def _prepare(self) -> None:
        """Merchants, sources and shipped mappings into the registry, once."""
        if not self._registry_is_ready:
            with store_errors(), self._engine.begin() as conn:
                prepare_registry(conn, self._settings)
            self._registry_is_ready = True

    def _lane(self, lane: Lane) -> BatchResult | None:
        now = self._clock()
        limit = self._limit(lane, now)
        started = time.perf_counter()
        result = self._batch(
            lane,
            lambda raw: (
                self.session.claim_suspects(raw, lane, now)
                or self.session.claim(raw, lane, limit, now)
            ),
        )
        if result is None:
            return None
        if lane is Lane.LIVE:
            self._live_seen_at = now
        return replace(result, lane=lane, seconds=time.perf_counter() - started)

    def _limit(self, lane: Lane, now: datetime) -> int:
        if lane is Lane.LIVE:
            return LIVE_BATCH
        busy = self._live_seen_at and (now - self._live_seen_at).total_seconds() < LIVE_IS_BUSY_S
        return POLITE_BATCH[lane] if busy else BULK_BATCH

    def _batch(
        self, lane: Lane, claim: Callable[[psycopg.Connection[Any]], list[QueueItem]]
    ) -> BatchResult | None:
        items: list[QueueItem] = []
        try:
            with store_errors(), self._engine.begin() as conn:
                raw = driver(conn)
                items = claim(raw)
                if not items:
                    return None
                self.session.write_claim(lane, [item.seq for item in items])
                return self._load(conn, items)
        except (StoreAwayError, WrongKeysError):  # no record's fault
            raise
        except Exception as error:
            if not items:  # nothing was claimed: it is no record's fault
                raise
            log.error(  # noqa: TRY400 -- a traceback could show a payload
                "a batch of %d failed with %s; retried in halves", len(items), type(error).__name__
            )
            self._blame(items, error)
            self.session.suspect(lane, [item.seq for item in items])
            return BatchResult(len(items), {}, failed=True)

    def _blame(self, items: Sequence[QueueItem], error: Exception) -> None:
        if len(items) == 1:
            store = isinstance(error, HubError)
            self._blamed[items[0].item_id] = (
                HeldReason.STORE_REFUSED if store else HeldReason.LOADER_BUG
            )

    def _load(self, conn: sa.Connection, items: list[QueueItem]) -> BatchResult:
        raw = driver(conn)
        accounts = self._refresh(conn)
        if len(items) == 1 and items[0].suspect:
            told_apart = self._tell_apart(raw, items[0])
            if told_apart is not None:
                return told_apart
        archived = records.read_records(raw, [i.item_id for i in items if i.is_record])
        works: list[Work] = []
        for item in items:
            record = archived.get(item.item_id)
            if record and record.sealed is None:
                continue  # erased or pruned since it was queued: it stands as it stood
            found = self._preparer.reopen(record) if record else self._preparer.unpack(item)
            for work in found:  # at once, while the processor still has the payload at hand
                self._preparer.map(work, accounts)
            works += found
        result = self._finish(raw, works, items=len(items))
        raise_notices(conn, works, self._preparer.sources, self._preparer.connectors)
        return result

    def _tell_apart(self, raw: psycopg.Connection[Any], item: QueueItem) -> BatchResult | None:
        """One suspect row alone: hold it if it killed twice, split it if it is a delivery of many records."""
        reason = self._blamed.pop(item.item_id, HeldReason.CRASHES_LOADER)
        if item.kills >= HELD_AFTER_KILLS:
            if item.is_record:
                [record] = records.read_records(raw, [item.item_id]).values()
                work = self._preparer.reopen(record)[0]
                work.hold(reason)
            else:
                work = self._preparer.whole(item, reason)
            return self._finish(raw, [work], items=1)
        if item.is_record or item.kills == 0:
            return None
        works = self._preparer.unpack(item)
        records.add_records(raw, self._archived(works))
        half = max(1, (len(works) + 1) // 2)
        queue.enqueue_records(
            raw, [w.record_id for w in works], lane=Lane(item.lane), suspect=half
        )
        return BatchResult(1, {})

    def _archived(self, works: Sequence[Work]) -> list[ArchivedRecord]:
        """The archive's rows of new records, sealed one by one."""
        sealed = self._keyring.seal_many([(w.payload, w.record_id.bytes) for w in works])
        return [
            ArchivedRecord(
                w.record_id,
                w.merchant,
                w.source_key,
                w.entity,
                w.via,
                w.received_at,
                w.mapping,
                each if w.outcome != Outcome.ERASED and not w.is_redacted else None,
            )
            for w, each in zip(works, sealed, strict=True)
        ]

    def _refresh(self, conn: sa.Connection) -> Accounts:
        self._mappings.refresh(conn)
        return Accounts(account_owners(conn))

    def _finish(
        self, raw: psycopg.Connection[Any], works: list[Work], *, items: int
    ) -> BatchResult:
        """Fold what was mapped, write down every outcome and count it, in the open transaction."""
        reopened = [work for work in works if work.is_archived]
        before = leave_standings(raw, reopened)
        ring = ring_for(raw, self._keyring)
        groups = {m: MerchantBatch(ring, m, w) for m, w in by_merchant(works).items()}
        business = {m: DocumentBatch(ring, m, w) for m, w in with_documents(works).items()}
        lock_merchants(raw, {*groups, *business})
        keep_loaded(raw, reopened, before)
        now = self._clock()
        for batch in groups.values():
            batch.load(raw, now, uuid7)
        for documents_of in business.values():
            documents_of.load(raw, now)
        drop_erased_interactions(raw, self._keyring, works)
        write_interactions(raw, list(interaction_rows(works, self._keyring)))
        self.observer.take_in(raw, works, now)
        self._write_outcomes(raw, works, before, now)
        add_counts(raw, self.session.number, now, window_counts(works, now))
        return batch_result(works, items)

    def _write_outcomes(
        self,
        raw: psycopg.Connection[Any],
        works: Sequence[Work],
        before: Mapping[UUID, str],
        now: datetime,
    ) -> None:
        new = [work for work in works if not work.is_archived]
        if new:
            records.add_records(raw, self._archived(new))
        write_erased(raw, works, now)
        records.hold(raw, [held_row(work, now) for work in works if work.outcome == Outcome.HELD])
        waits = [w for w in works if w.outcome == Outcome.WAITING]
        add_waiting(
            raw, [(w.record_id, w.merchant, w.source_key, w.entity, w.reason) for w in waits], now
        )
        self._write_marks(raw, works)
        records.set_aside(
            raw,
            [
                (w.record_id, w.merchant, w.source_key, w.entity, w.reason, w.mapping, now)
                for w in works
                if w.outcome == Outcome.NOT_A_LEAD
            ],
        )
        for work in works:
            if work.is_reread and work.outcome != Outcome.ERASED and not work.is_redacted:
                sealed = self._keyring.seal(work.payload, work.record_id.bytes)
                records.reread(raw, work.record_id, work.entity, sealed)
        again = [work for work in works if work.is_archived]
        if again:
            records.remember_mapping(
                raw, [(w.record_id, w.merchant, w.source_key, w.mapping) for w in again]
            )
        changes: dict[tuple[str, str, str], list[UUID]] = defaultdict(list)
        for work in again:
            was = before.get(work.record_id, Outcome.QUEUED)
            if was != work.outcome:
                changes[was, work.outcome, work.reason].append(work.record_id)
        for (was, became, reason), ids in changes.items():
            records.add_changes(raw, ids, was=was, became=became, reason=reason, by="loader")

    def _write_marks(self, raw: psycopg.Connection[Any], works: Sequence[Work]) -> None:
        """Loaded records keep the findings they show, until they are mapped under another version."""
        marks.drop_marks(raw, [work.record_id for work in works if work.is_archived])
        rows = [
            (w.record_id, w.merchant, w.source_key, w.entity, w.tried.name, found)
            for w in works
            if w.tried is not None and (found := self.observer.marks(w))
        ]
        marks.add_marks(raw, rows)
