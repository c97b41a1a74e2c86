"""A resolver beside a loader: a thread with an event loop of its own, so that no lead waits for a platform."""

from __future__ import annotations

import asyncio
import logging
import threading

from hub.errors import StoreAwayError
from hub.steps.resolve import Resolver

log = logging.getLogger("hub.resolve")
POLL_S, AWAY_S = 0.25, 2.0


class ResolverThread:
    """Resolves until `close`; does nothing where no source needs it."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, if any source has records that need the network."""
        if self._resolver.is_needed and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="resolver", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop after the batch under way; its leases run out by themselves if it takes too long."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        asyncio.run(self._rounds())

    async def _rounds(self) -> None:
        while not self._stop.is_set():
            pause_s = POLL_S
            try:
                done = await self._resolver.run_once()
                pause_s = 0.0 if done["queued"] else POLL_S
            except StoreAwayError as error:
                log.info("%s; trying again in %.0f s", error, AWAY_S)
                pause_s = AWAY_S
            except Exception as error:  # noqa: BLE001 -- one bad round must not end the thread
                log.error("a round of the resolver failed with %s", type(error).__name__)  # noqa: TRY400 -- a traceback could show a payload
                pause_s = AWAY_S
            await asyncio.to_thread(self._stop.wait, pause_s)


def resolve_due(resolver: Resolver) -> int:
    """Resolve until nothing more is queued by it; how many records were.

    Raises:
        StoreAwayError: the database is away; nothing is lost.
    """

    async def rounds() -> int:
        total = 0
        while queued := (await resolver.run_once())["queued"]:
            total += queued
        return total

    return asyncio.run(rounds()) if resolver.is_needed else 0
