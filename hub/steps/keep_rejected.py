"""Hold a push whose signature failed: sealed, bounded, with an alert that says what to do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from datetime import datetime

from hub.alerts.outbox import raise_alert_async
from hub.database.link import AsyncLink, Connection
from hub.errors import RefusedError, StoreAwayError
from hub.inbox.rejected import Rejected, keep_rejected, seal_request
from hub.model.delivery import HookRequest
from hub.model.ids import uuid7
from hub.privacy.keyring import KeyRing
from hub.settings import SourceSettings

ANSWER_WITHIN_S = 1.0
# One stray request is a scanner; this many within the time is a secret that was changed.
CRITICAL_COUNT, CRITICAL_WITHIN_S = 10, 600.0
_MAX_WAITING = 200
# A full holding table is not asked again for a while: a flood must not become load on the database.
_FULL_FOR_S = 10.0

log = logging.getLogger(__name__)


class Rejections:
    """Keeps refused pushes through a connection of its own, away from the leads' way."""

    def __init__(self, url: str, keyring: KeyRing) -> None:
        self._link = AsyncLink(url, application="hub rejected pushes")
        self._keyring = keyring
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._recent: dict[str, deque[float]] = {}
        self._full_until: dict[str, float] = {}

    async def keep(
        self, source_key: str, source: SourceSettings, request: HookRequest, received_at: datetime
    ) -> bool:
        """Keep `request` until its secret is put right; False if its source's holding is full.

        Raises:
            RefusedError: 503, it could not be kept now; the platform should come again.
        """
        if time.monotonic() < self._full_until.get(source_key, 0.0):
            return False
        if self._waiting >= _MAX_WAITING:
            raise RefusedError("busy", status=503)
        self._waiting += 1
        try:
            async with self._turn:
                return await self._keep(source_key, source, request, received_at)
        except StoreAwayError as error:
            raise RefusedError("store_away", status=503) from error
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    async def _keep(
        self, source_key: str, source: SourceSettings, request: HookRequest, received_at: datetime
    ) -> bool:
        own_id = uuid7()
        rejected = Rejected(
            id=own_id,
            merchant=source.merchant,
            source_key=source_key,
            reason="signature",
            received_at=received_at,
            sealed=seal_request(self._keyring, request, own_id),
        )

        async def store(conn: Connection) -> bool:
            kept = await keep_rejected(conn, rejected)
            await raise_alert_async(conn, self._alert(source_key, source, kept=kept))
            return kept

        kept = await self._link.run(store, within_s=ANSWER_WITHIN_S)
        if not kept:
            self._full_until[source_key] = time.monotonic() + _FULL_FOR_S
        return kept

    def _alert(self, source_key: str, source: SourceSettings, *, kept: bool) -> dict[str, object]:
        variable = source.signature.secret_env or "signature.secret_env"
        return {
            "dedupe_key": f"signature:{source_key}" + ("" if kept else ":full"),
            "severity": "warning" if kept and not self._is_frequent(source_key) else "critical",
            "facts": {
                "case": "" if kept else "full",
                "source": source_key,
                "variable": variable,
            },
            "merchant": source.merchant,
            "owner": source.owner or None,
        }

    def _is_frequent(self, source_key: str) -> bool:
        times = self._recent.setdefault(source_key, deque(maxlen=CRITICAL_COUNT))
        now = time.monotonic()
        times.append(now)
        return len(times) == CRITICAL_COUNT and now - times[0] < CRITICAL_WITHIN_S
