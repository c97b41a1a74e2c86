"""Bring what lies in the spools into the store: our own spool, and those of receivers that died."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from hub.alerts.outbox import raise_alert_async
from hub.database.engine import driver
from hub.database.link import AsyncLink, Connection
from hub.errors import StoreAwayError, StoreError
from hub.inbox.deliveries import known_ids, store_deliveries_async
from hub.inbox.frames import Scan
from hub.inbox.spool import Spool, SpoolFolder, orphans, spooled
from hub.model.delivery import Delivery

BATCH = 200
# Longer than a live request waits: nobody waits for a drain, and a slow answer is one too.
ANSWER_WITHIN_S = 10.0
_PROBE_WITHIN_S = 2.0
_PROBE = "SELECT current_setting('transaction_read_only') FROM inbox.delivery_key LIMIT 1"
_PROBE_EMPTY = "SHOW transaction_read_only"

Result = TypeVar("Result")
Blocking = Callable[[], Result]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Drained:
    """What was brought in since the start: deliveries stored, set aside, and damaged ranges seen."""

    stored: int = 0
    set_aside: int = 0
    damaged: int = 0


class SpoolDrain:
    """Drains spools through a connection of its own, in batches, so that live requests go on.

    `receiver` is the name under which `acknowledged` counts; `disk` runs what blocks on the disk.
    """

    def __init__(self, link: AsyncLink, spool: Spool, receiver: str, disk: Executor) -> None:
        self._link = link
        self._spool = spool
        self._receiver = receiver
        self._disk = disk
        self.total = Drained()

    async def probe(self) -> None:
        """Return if the store can be written to.

        Raises:
            StoreAwayError: it is away, read-only or not migrated.
        """

        async def ask(conn: Connection) -> str:
            await conn.execute(_PROBE)
            row = await (await conn.execute(_PROBE_EMPTY)).fetchone()
            return str(row[0]) if row else "on"

        if await self._link.run(ask, within_s=_PROBE_WITHIN_S) != "off":
            raise StoreAwayError("the database is read-only")

    async def drain_own(self, stored_some: Callable[[], None]) -> None:
        """Drain our own spool until it is empty; `stored_some` is called after each batch.

        Raises:
            StoreAwayError: the store is away; what was not stored stays where it is.
        """
        while segments := await self._blocking(self._spool.seal):
            for segment in segments:
                await self._drain(self._spool, segment, stored_some)

    async def drain_orphans(self, stored_some: Callable[[], None]) -> None:
        """Drain and remove the folders of receivers that died.

        Raises:
            StoreAwayError: the store is away; what was not stored stays where it is.
        """
        root = self._spool.path.parent
        for path in await self._blocking(lambda: list(orphans(root))):
            if path == self._spool.path:
                continue
            folder = await self._blocking(partial(SpoolFolder.adopt, path))
            if folder is None:
                continue
            try:
                for segment in await self._blocking(folder.segments):
                    await self._drain(folder, segment, stored_some)
            finally:
                await self._blocking(folder.close)

    async def _drain(
        self, folder: SpoolFolder, segment: Path, stored_some: Callable[[], None]
    ) -> None:
        found: Scan = await self._blocking(lambda: folder.read(segment))
        for start in range(0, len(found.deliveries), BATCH):
            refused = await self._store(found.deliveries[start : start + BATCH])
            stored_some()
            await self._set_aside(folder, refused)
        if found.damaged:
            await self._report_damage(segment, len(found.damaged))
        await self._blocking(lambda: folder.remove(segment))

    async def _store(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Store them, halving a batch that is refused; gives those that are refused alone, too."""
        try:
            await self._link.run(
                lambda conn: store_deliveries_async(conn, deliveries, receiver=self._receiver),
                within_s=ANSWER_WITHIN_S,
            )
        except StoreAwayError:
            raise
        except StoreError:
            if len(deliveries) == 1:
                return list(deliveries)
            half = len(deliveries) // 2
            return [*await self._store(deliveries[:half]), *await self._store(deliveries[half:])]
        self.total.stored += len(deliveries)
        return []

    async def _set_aside(self, folder: SpoolFolder, refused: Sequence[Delivery]) -> None:
        if not refused:
            return
        await self._blocking(lambda: folder.set_aside(refused))
        self.total.set_aside += len(refused)
        await self._alert(
            "spool-refused",
            {"refused": len(refused)},
            f"{len(refused)} acknowledged deliveries are refused by the database; kept in the spool",
        )

    async def _report_damage(self, segment: Path, ranges: int) -> None:
        self.total.damaged += ranges
        await self._alert(
            f"spool-damaged:{segment.parent.name}:{segment.stem}",
            {"ranges": ranges},
            f"{ranges} torn or damaged records in a spool file; the bytes are kept",
        )

    async def _alert(self, dedupe_key: str, facts: Mapping[str, object], line: str) -> None:
        """Raise an alert, and say it in the log: the database may be away for long."""
        alert = {"dedupe_key": dedupe_key, "severity": "critical", "facts": facts}
        log.error("%s", line)
        await self._link.run(lambda conn: raise_alert_async(conn, alert), within_s=ANSWER_WITHIN_S)

    async def _blocking(self, work: Blocking[Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def count_spooled(conn: sa.Connection, root: Path) -> dict[str, int]:
    """Source key → acknowledged deliveries that lie only in a spool under `root` (delivery law).

    What is committed already and not yet deleted from its file is not counted.
    """
    lying = spooled(root)
    stored = known_ids(driver(conn), list(lying))
    return dict(Counter(source for own_id, source in lying.items() if own_id not in stored))
