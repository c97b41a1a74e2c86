"""Durable before acknowledged: requests that arrive together share a transaction, or the spool.

A delivery is durable when it is committed, or fsynced in the spool. What becomes of a group:

- committed: done. The loaders are woken from another connection (NOTIFY inside halves throughput).
- SQLSTATE 08, 40, 53, 57, a read-only or unmigrated store: tried again at once, then spooled.
- no answer within a second: the connection is cut and left behind, the group spooled under the same
  ids; if the COMMIT did succeed, draining it later changes nothing.
- SQLSTATE 22, 23: the group is halved until one delivery is alone. That one is acknowledged and
  spooled too: a lead is not lost because our tables refuse it. The drain sets it aside and alerts.
- neither store nor spool: 503, and the platform tries again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from hub.database.link import AsyncLink, Connection
from hub.errors import RefusedError, StoreAwayError, StoreError
from hub.inbox.deliveries import Stored, store_deliveries_async
from hub.inbox.spool import Spool
from hub.model.delivery import Delivery
from hub.ops.loaders import WAKE_CHANNEL
from hub.steps.spool_drain import SpoolDrain

_NOTIFY_EVERY_S = 0.005
_ORPHANS_EVERY_S = 10.0
_BACKOFF_S = (0.1, 0.25, 0.5, 1.0, 2.0)
_TRIES = 3
_COMPANY, _CROWD = 4, 24

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request waits for its commit, and how much may wait at once."""

    answer_within_s: float = 1.0
    linger_s: float = 0.001
    group: int = 500
    group_bytes: int = 8 * 1_048_576
    waiting: int = 10_000
    waiting_bytes: int = 64 * 1_048_576
    last_drain_s: float = 5.0


@dataclass(slots=True)
class _Waiting:
    """A delivery and who waits for it."""

    delivery: Delivery
    done: asyncio.Future[UUID]


@dataclass(slots=True)
class _Figures:
    """Plain counts since the start; `/metrics` reads them."""

    committed: int = 0
    duplicates: int = 0
    groups: int = 0
    spooled: int = 0
    refused_by_store: int = 0
    refused: int = 0


class GroupCommit:
    """Makes deliveries durable. Used from one event loop, between `start` and `close`."""

    def __init__(
        self, url: str, spool: Spool, *, receiver: str, limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._receiver = receiver
        self._spool = spool
        self._store = AsyncLink(url, application=f"hub receiver {receiver}")
        self._notify = AsyncLink(url, application=f"hub notify {receiver}")
        self._drain_link = AsyncLink(url, application=f"hub drain {receiver}")
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._drain = SpoolDrain(self._drain_link, spool, receiver, self._disk)
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._committed = asyncio.Event()
        self._trouble = asyncio.Event()
        self._closing = False
        self._away = True
        self._figures = _Figures()
        self._tasks: list[asyncio.Task[None]] = []
        self.was_up = False

    # ---- for routes and probes

    async def submit(self, delivery: Delivery) -> UUID:
        """Return once `delivery` is durable; of a known duplicate, the first one's id.

        Raises:
            RefusedError: 503; `busy`, `spool_full`, `spool_broken`: nothing was kept.
        """
        size = len(delivery.sealed)
        over = self._waiting_bytes + size > self._limits.waiting_bytes
        if over or len(self._waiting) >= self._limits.waiting or self._closing:
            self._figures.refused += 1
            raise RefusedError("busy", status=503)
        done: asyncio.Future[UUID] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(delivery, done))
        self._waiting_bytes += size
        self._arrived.set()
        return await done

    @property
    def is_away(self) -> bool:
        """Whether deliveries go to the spool at the moment."""
        return self._away

    @property
    def can_take(self) -> bool:
        """Whether the next delivery could be made durable."""
        return not self._closing and (
            not self._away or self._spool.has_room or self._spool.probe()
        )

    @property
    def spool(self) -> Spool:
        """The receiver's spool, for its size and age."""
        return self._spool

    def figures(self) -> Mapping[str, float]:
        """Counts and gauges for `/metrics`."""
        figures, drained = self._figures, self._drain.total
        return {
            "deliveries_committed_total": figures.committed,
            "deliveries_duplicate_total": figures.duplicates,
            "deliveries_spooled_total": figures.spooled,
            "deliveries_drained_total": drained.stored,
            "deliveries_set_aside_total": drained.set_aside,
            "deliveries_refused_total": figures.refused,
            "spool_damaged_total": drained.damaged,
            "commit_groups_total": figures.groups,
            "store_refused_total": figures.refused_by_store,
            "store_away": float(self._away),
            "deliveries_waiting": len(self._waiting),
            "spool_deliveries": self._spool.deliveries,
            "spool_bytes": self._spool.size,
        }

    # ---- life

    async def start(self) -> None:
        """Begin to take deliveries. The store may be away: then they are spooled until it comes."""
        with suppress(StoreAwayError, TimeoutError):
            async with asyncio.timeout(self._limits.answer_within_s):
                await self._come_up()
        self._trouble.set()
        self._tasks = [
            asyncio.create_task(work(), name=work.__name__)
            for work in (self._commit_groups, self._wake_loaders, self._recover)
        ]

    async def close(self) -> None:
        """Finish what waits, drain what can be drained in a few seconds, let go of everything."""
        self._closing = True
        self._arrived.set()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(StoreAwayError, TimeoutError):
            async with asyncio.timeout(self._limits.last_drain_s):
                await self._drain_once()
        for link in (self._store, self._notify, self._drain_link):
            await link.close()
        self._disk.submit(self._spool.close).result()
        self._disk.shutdown()

    # ---- commit

    async def _commit_groups(self) -> None:
        while not (self._closing and not self._waiting):
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                group = self._next_group()
                await self._keep(group)
                await self._linger(len(group))

    async def _linger(self, size: int) -> None:
        """Let those who were just answered come again: a group of two costs nearly what ten do.

        A crowd does not wait: half of it arrives while the other half is committed.
        """
        if _COMPANY <= size < _CROWD:
            await asyncio.sleep(self._limits.linger_s)

    def _next_group(self) -> list[_Waiting]:
        size, count = 0, 0
        for waiting in self._waiting[: self._limits.group]:
            size += len(waiting.delivery.sealed)
            if count and size > self._limits.group_bytes:
                size -= len(waiting.delivery.sealed)
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_bytes -= size
        return group

    async def _keep(self, group: Sequence[_Waiting]) -> None:
        """Make a group durable and tell everyone in it; never raises."""
        if self._away:
            await self._keep_in_spool(group)
            return
        try:
            stored = await self._commit([waiting.delivery for waiting in group])
        except StoreAwayError as error:
            self._go_away(error)
            await self._keep_in_spool(group)
        except StoreError:
            await self._keep_halves(group)
        except Exception as error:  # noqa: BLE001 -- whatever it was, those who wait must be told
            log.error("storing a group failed: %s", type(error).__name__)  # noqa: TRY400 -- a traceback could show values
            self._go_away(error)
            await self._keep_in_spool(group)
        else:
            self._tell(group, stored)

    async def _commit(self, deliveries: Sequence[Delivery]) -> list[Stored]:
        deadline = time.monotonic() + self._limits.answer_within_s

        async def store(conn: Connection) -> list[Stored]:
            return await store_deliveries_async(conn, deliveries, receiver=self._receiver)

        for attempt in range(1, _TRIES + 1):
            left_s = deadline - time.monotonic()
            try:
                return await self._store.run(store, within_s=left_s)
            except StoreAwayError:
                if attempt == _TRIES or time.monotonic() >= deadline:
                    raise
        raise StoreAwayError("unreachable")

    def _tell(self, group: Sequence[_Waiting], stored: Sequence[Stored]) -> None:
        figures = self._figures
        figures.groups += 1
        figures.committed += len(group)
        for waiting, fate in zip(group, stored, strict=True):
            if fate.duplicate_of is not None:
                figures.duplicates += 1
            if not waiting.done.done():
                waiting.done.set_result(fate.duplicate_of or fate.id)
        self._committed.set()

    async def _keep_halves(self, group: Sequence[_Waiting]) -> None:
        if len(group) == 1:
            self._figures.refused_by_store += 1
            refused = group[0].delivery
            log.error(
                "the store refuses a delivery; it goes to the spool",
                extra={"event_id": refused.id, "source": refused.source_key},
            )
            await self._keep_in_spool(group)
            return
        half = len(group) // 2
        await self._keep(group[:half])
        await self._keep(group[half:])

    async def _keep_in_spool(self, group: Sequence[_Waiting]) -> None:
        deliveries = [waiting.delivery for waiting in group]
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, self._spool.append, deliveries)
        except RefusedError as refusal:
            self._refuse(group, refusal.reason)
            return
        except Exception as error:  # noqa: BLE001 -- whatever it was, those who wait must be told
            log.error("spooling a group failed: %s", type(error).__name__)  # noqa: TRY400 -- a traceback could show values
            self._refuse(group, "spool_broken")
            return
        self._figures.spooled += len(group)
        for waiting in group:
            if not waiting.done.done():
                waiting.done.set_result(waiting.delivery.id)
        self._trouble.set()

    def _refuse(self, group: Sequence[_Waiting], reason: str) -> None:
        self._figures.refused += len(group)
        for waiting in group:
            if not waiting.done.done():
                waiting.done.set_exception(RefusedError(reason, status=503))

    # ---- beside the requests

    def _go_away(self, error: Exception) -> None:
        if not self._away:
            log.warning("deliveries go to the spool: %s", error)
        self._away = True
        self._trouble.set()

    def _come_back(self) -> None:
        if self._away:
            level = logging.WARNING if self.was_up else logging.INFO
            log.log(level, "the store takes deliveries")
        self._away = False
        self.was_up = True

    async def _come_up(self) -> None:
        await self._drain.probe()
        # The first request should not be the one that waits for the connection.
        await self._store.run(lambda conn: conn.execute("SELECT 1"), within_s=1.0)
        self._come_back()

    async def _recover(self) -> None:
        """Bring the store back into use and the spools into it, for as long as we live."""
        failures = 0
        await self._retry_refused()
        while not self._closing:
            # Not wait_for: in Python 3.11 it can swallow the cancellation that ends us.
            with suppress(TimeoutError):
                async with asyncio.timeout(_ORPHANS_EVERY_S):
                    await self._trouble.wait()
            self._trouble.clear()
            try:
                await self._drain_once()
            except StoreAwayError as error:
                self._go_away(error)
            except Exception as error:  # noqa: BLE001 -- a spool that cannot be read must not end the recovery
                log.error("draining failed: %s", type(error).__name__)  # noqa: TRY400 -- a traceback could show values
                self._trouble.set()
            else:
                failures = 0
                continue
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            failures += 1

    async def _retry_refused(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, self._spool.take_back_refused)
        except OSError as error:
            log.error("what was set aside cannot be read: %s", error.strerror)  # noqa: TRY400 -- one line is enough

    async def _drain_once(self) -> None:
        await self._drain.probe()
        # Only a batch that went through proves that the store takes what live requests bring.
        if not self._spool.deliveries:
            self._come_back()
        await self._drain.drain_own(self._stored_some)
        self._come_back()
        await self._drain.drain_orphans(self._stored_some)

    def _stored_some(self) -> None:
        self._come_back()
        self._committed.set()

    async def _wake_loaders(self) -> None:
        statement = f"NOTIFY {WAKE_CHANNEL}".encode()
        while not self._closing:
            await self._committed.wait()
            self._committed.clear()
            with suppress(StoreAwayError):  # loaders poll as well
                await self._notify.run(lambda conn: conn.execute(statement), within_s=1.0)
            await asyncio.sleep(_NOTIFY_EVERY_S)
