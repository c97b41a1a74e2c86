"""Resolve: ask platforms for what records need before they can be mapped, and put them into the queue.

A record that waits is leased, asked about, and comes back by itself when its resolver died. The answer
goes into the record under `resolved`, in the transaction that queues it. One process asks a source at a
time (an advisory lock), so that a platform's limits are kept whatever the number of loaders.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import cast

import httpx
import msgspec
import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.connectors.base import Connector, connectors
from hub.connectors.limits import RateLimiter
from hub.connectors.resolving import (
    RESOLVED,
    Ask,
    Found,
    Later,
    Never,
    ResolveConnector,
)
from hub.connectors.sessions import PullPorts, SessionConnector
from hub.database.engine import driver, store_errors
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    HubError,
    PlatformRejectedError,
    StoreAwayError,
    TransientError,
)
from hub.inbox import records, waiting
from hub.ops.quotas import take_quota
from hub.ops.wake import wake_loaders
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.resolve_outcome import Case, Writer
from hub.steps.sources.authorize import TokenStore
from hub.steps.sources.grant import grant_of
from hub.steps.waiting_alerts import warn_of_waiting

log = logging.getLogger("hub.resolve")
LEASE = timedelta(minutes=3)
# What a refusal of all asks of a source costs before it is asked again.
REFUSED_PAUSE = timedelta(minutes=5)
WARN_EVERY = timedelta(seconds=30)
_LOCK = 4_711_003  # first half of the advisory lock; the second is the source's
_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class DailyQuota:
    """`hub.connectors.resolving.Quota` kept in the store, under the name of the source that holds the grant."""

    engine: sa.Engine
    owner: str
    source: SourceSettings

    async def take(self, name: str, wanted: int, *, limit: int, day: date) -> int:
        """How many of `wanted` may be used today; committed before they are used."""
        return await asyncio.to_thread(self._take, name, wanted, limit, day)

    def _take(self, name: str, wanted: int, limit: int, day: date) -> int:
        with store_errors(), self.engine.begin() as conn:
            granted = take_quota(conn, f"{self.owner}:{name}", wanted, limit=limit, day=day)
            if granted < wanted:
                self._tell(conn, short_by=wanted - granted, limit=limit)
            elif granted:
                close_alert(conn, f"quota:{self.owner}")
        return granted

    def _tell(self, conn: sa.Connection, *, short_by: int, limit: int) -> None:
        raise_alert(
            conn,
            dedupe_key=f"quota:{self.owner}",
            severity="warning",
            facts={"source": self.owner, "limit": limit},
            merchant=self.source.merchant,
            owner=self.source.owner or None,
            count=short_by,
        )


class Resolver:
    """Resolves what is due, round by round. Not for several threads."""

    def __init__(
        self,
        engine: sa.Engine,
        keyring: KeyRing,
        settings: HubSettings,
        *,
        found: Mapping[str, Connector] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        http: Callable[[], httpx.AsyncClient] | None = None,
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._settings = settings
        self._sources = settings.all_sources()
        self._connectors = found or connectors()
        self._clock = clock
        self._http = http
        self._limiter = RateLimiter()
        self._warned_at: datetime | None = None

    @property
    def is_needed(self) -> bool:
        """Whether any configured source has records that the network must complete."""
        return any(
            hasattr(self._connectors.get(source.platform), "resolve")
            for source in self._sources.values()
        )

    async def run_once(self) -> Counter[str]:
        """One round over every source of which something is due: what became of the records, by word.

        Raises:
            StoreAwayError: the database is away; nothing is lost.
        """
        done: Counter[str] = Counter()
        for source_key in await asyncio.to_thread(self._due):
            source = self._sources.get(source_key)
            connector = self._connectors.get(source.platform) if source else None
            if source is None or not hasattr(connector, "resolve"):
                continue  # waits until the source is configured again
            done += await self._source(source_key, source, cast(ResolveConnector, connector))
        if done["queued"]:
            await asyncio.to_thread(self._wake)
        await asyncio.to_thread(self._warn)
        return done

    def _due(self) -> list[str]:
        with store_errors(), self._engine.begin() as conn:
            return waiting.sources_due(driver(conn), self._clock())

    def _wake(self) -> None:
        with store_errors(), self._engine.begin() as conn:
            wake_loaders(conn)

    def _warn(self) -> None:
        now = self._clock()
        if self._warned_at is None or now - self._warned_at >= WARN_EVERY:
            self._warned_at = now
            warn_of_waiting(self._engine, self._sources, now=now)

    async def _source(
        self, source_key: str, source: SourceSettings, connector: ResolveConnector
    ) -> Counter[str]:
        """One batch of one source, unless another process asks it just now."""
        with _alone(self._engine, source_key) as is_alone:
            if not is_alone:
                return Counter()
            cases = await asyncio.to_thread(self._claim, source_key, source, connector)
            try:
                await self._ask(source_key, source, connector, cases)
            except StoreAwayError:
                raise  # the leases run out
            except Exception as error:  # noqa: BLE001 -- a bug in a connector must not stop the other sources
                await asyncio.to_thread(self._failed, source_key, source, cases, error)
            return await asyncio.to_thread(self._write, source, cases)

    def _claim(
        self, source_key: str, source: SourceSettings, connector: ResolveConnector
    ) -> list[Case]:
        now = self._clock()
        with store_errors(), self._engine.begin() as conn:
            raw = driver(conn)
            rows = waiting.claim_waiting(
                raw, source_key, limit=connector.ask_size, now=now, lease=LEASE
            )
            archived = records.read_records(raw, [row.record_id for row in rows])
        cases = []
        for row in rows:
            sealed = archived[row.record_id].sealed
            if sealed is None:  # erased meanwhile: nobody is asked about that person
                cases.append(
                    Case(row, b"", Ask(row.entity, {}, row.needs), answer=Never("erased"))
                )
                continue
            payload = self._keyring.unseal(sealed, row.record_id.bytes)
            cases.append(Case(row, payload, Ask(row.entity, _json.decode(payload), row.needs)))
        for case in cases:
            key = None if case.answer else connector.answer_key(case.ask, source)
            if key is not None:
                case.digest = self._keyring.synthetic_id("resolved", source_key, key).encode()
        self._recall(source_key, cases)
        return cases

    def _recall(self, source_key: str, cases: Sequence[Case]) -> None:
        """Answers that another record holds already."""
        digests = [case.digest for case in cases if case.digest is not None]
        if not digests:
            return
        with store_errors(), self._engine.begin() as conn:
            raw = driver(conn)
            known = waiting.known_answers(raw, source_key, digests)
            holders = records.read_records(raw, list(known.values()))
        for case in cases:
            holder = holders.get(known[case.digest]) if case.digest in known else None
            if holder is not None and holder.sealed is not None:
                payload = _json.decode(self._keyring.unseal(holder.sealed, holder.id.bytes))
                if isinstance(payload, dict) and RESOLVED in payload:
                    case.answer = Found(payload[RESOLVED])

    async def _ask(
        self,
        source_key: str,
        source: SourceSettings,
        connector: ResolveConnector,
        cases: Sequence[Case],
    ) -> None:
        open_cases = [case for case in cases if case.answer is None]
        if not open_cases:
            return
        session = cast(SessionConnector, connector).session(source, self._ports(source_key))
        async with session as opened:
            answers = await connector.resolve(opened, [case.ask for case in open_cases], source)
        for case, answer in zip(open_cases, answers, strict=True):
            case.answer = answer
        await asyncio.to_thread(self._answered, source_key)

    def _ports(self, source_key: str) -> PullPorts:
        grant = grant_of(self._engine, self._keyring, self._settings, source_key)
        ports = PullPorts(
            tokens=TokenStore(grant, self._clock),
            fingerprint=self._keyring.synthetic_id,
            limiter=self._limiter,
            quota=DailyQuota(self._engine, grant.source_key, grant.source),
            now=self._clock,
        )
        return replace(ports, http=self._http) if self._http is not None else ports

    def _answered(self, source_key: str) -> None:
        """The platform answers: what was told of its refusal is over."""
        with store_errors(), self._engine.begin() as conn:
            close_alert(conn, f"resolve-refused:{source_key}")

    def _failed(
        self, source_key: str, source: SourceSettings, cases: Sequence[Case], error: Exception
    ) -> None:
        """All asks failed together: they wait on, and a person is told where only a person can help."""
        later = _later(error)
        for case in cases:
            case.answer = case.answer or later
        if isinstance(error, HubError):
            log.warning("source %s: %s", source_key, error)
        else:
            log.error("source %s: %s while resolving", source_key, type(error).__name__)
        is_lost = isinstance(error, AuthorizationLostError)  # alerted where it was noticed
        if is_lost or not isinstance(error, PlatformRejectedError | ConfigError):
            return
        with store_errors(), self._engine.begin() as conn:
            raise_alert(
                conn,
                dedupe_key=f"resolve-refused:{source_key}",
                severity="critical",
                facts={"source": source_key, "error": str(error), **_case(error)},
                merchant=source.merchant,
                owner=source.owner or None,
            )

    def _write(self, source: SourceSettings, cases: Sequence[Case]) -> Counter[str]:
        done: Counter[str] = Counter()
        now = self._clock()
        with store_errors(), self._engine.begin() as conn:
            writer = Writer(driver(conn), self._keyring, now, source.resolve.tries)
            for case in sorted(cases, key=lambda one: one.row.record_id):
                done[writer.write(case)] += 1
        return done


def _case(error: HubError) -> dict[str, str]:
    """The platform's refusal by its code; settings that are wrong have none."""
    if isinstance(error, PlatformRejectedError):
        return {"code": error.code}
    return {"case": "settings"}


def _later(error: Exception) -> Later:
    """What an error that concerns all asks means for each."""
    if isinstance(error, TransientError):
        return Later("platform_away", error.retry_after_s, counts=False)
    if isinstance(error, PlatformRejectedError | ConfigError):
        return Later("refused", REFUSED_PAUSE.total_seconds(), counts=False)
    return Later(type(error).__name__)


@contextmanager
def _alone(engine: sa.Engine, source_key: str) -> Iterator[bool]:
    """Whether nobody else asks about this source; while the block lasts nobody else can."""
    name = {"first": _LOCK, "source": source_key}
    with store_errors(), engine.connect() as plain:
        conn = plain.execution_options(isolation_level="AUTOCOMMIT")
        lock = sa.text("SELECT pg_try_advisory_lock(:first, hashtext(:source))")
        is_alone = bool(conn.execute(lock, name).scalar())
        try:
            yield is_alone
        finally:
            if is_alone:
                conn.execute(sa.text("SELECT pg_advisory_unlock(:first, hashtext(:source))"), name)
