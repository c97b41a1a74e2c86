"""Work: load as long as there is something to load, wait for more, until told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from hub.errors import StoreAwayError
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.drift.watch import Watch
from hub.steps.load import BatchResult, DrainResult, Loader
from hub.steps.resolve import Resolver
from hub.steps.resolver_thread import ResolverThread, resolve_due
from hub.steps.running.loader_metrics import LoaderMetrics

T = TypeVar("T")
log = logging.getLogger("hub.load")
POLL_S = 0.5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


def when_store_is_there(start: Callable[[], T], stop: threading.Event) -> T | None:
    """What `start` returns, tried until the database answers; `None` when told to `stop` before that.

    A loader that comes up before its database, or while that restarts, waits as it would later on.
    """
    pause_s = FIRST_PAUSE_S
    while not stop.is_set():
        try:
            return start()
        except StoreAwayError as error:
            log.warning("%s; trying again in %.1f s", error, pause_s)
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    return None


def work(  # noqa: PLR0913 -- the store's three parts and how to stop
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    *,
    stop: threading.Event,
    revive: Callable[[], bool] = lambda: False,
    until_empty: bool = False,
    on_batch: Callable[[BatchResult], None] = lambda _: None,
    metrics: LoaderMetrics | None = None,
) -> None:
    """Be one loader until `stop` is set, or until the queue is empty; a batch under way is finished first.

    While the database is away it waits and tries again, after asking `revive` to start an embedded
    one: nothing it had in hand is lost.
    """
    loader = Loader(engine, keyring, settings)
    metrics = metrics or LoaderMetrics(settings.all_sources())
    metrics.sessions = lambda: loader.session.opened
    watch = Watch(engine, settings, loader.observer)
    resolver = Resolver(engine, keyring, settings)
    beside = ResolverThread(resolver)
    pause_s = FIRST_PAUSE_S
    try:
        if not until_empty:
            beside.start()
        while not stop.is_set():
            try:
                result = loader.run_once()
                pause_s = FIRST_PAUSE_S
                requeued = watch.tick(force=result is None and until_empty)
                if result is None and until_empty and not (requeued or resolve_due(resolver)):
                    return
                if result is None and not requeued:
                    loader.session.wait(POLL_S)
                elif result is not None:
                    metrics.note(result)
                    on_batch(result)
            except StoreAwayError as error:
                metrics.store_was_away()
                log.warning("%s; trying again in %.1f s", error, pause_s)
                stop.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                _revive(revive)
    finally:
        beside.close()
        _hand_over(watch)
        loader.close()


def drain_queue(
    engine: sa.Engine, keyring: KeyRing, settings: HubSettings, *, name: str
) -> DrainResult:
    """Load until the queue is empty and nothing is left to be mapped anew; what was done.

    Raises:
        StoreAwayError: the database is away; nothing is lost.
    """
    loader = Loader(engine, keyring, settings, name=name)
    watch = Watch(engine, settings, loader.observer)
    resolver = Resolver(engine, keyring, settings)
    total = DrainResult()
    try:
        while (result := loader.run_once()) or watch.tick(force=True) or resolve_due(resolver):
            if result is not None:
                total.add(result)
                watch.tick()
        return total
    finally:
        loader.close()


def _hand_over(watch: Watch) -> None:
    """What this loader saw and nobody has yet."""
    try:
        watch.tick(force=True)
    except StoreAwayError as error:
        log.info("what was seen in the last second is not counted: %s", error)


def _revive(revive: Callable[[], bool]) -> None:
    try:
        revive()
    except StoreAwayError as error:
        log.warning("%s", error)
