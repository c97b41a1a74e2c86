"""Verify refused pushes again with today's secrets; those that pass become deliveries."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.connectors.base import Connector, connector_for
from hub.connectors.signatures import verify
from hub.database.engine import driver, store_errors
from hub.errors import ConfigError, SignatureError
from hub.inbox.deliveries import store_deliveries
from hub.inbox.rejected import Kept, forget, kept_pushes, unseal_request
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Delivery, HookRequest, Via
from hub.privacy.keyring import KeyRing, UnsealError
from hub.settings import HubSettings, SourceSettings, secrets_from_environment
from hub.steps.hook_delivery import envelope_of, platform_key_of

_PAGE = 200
RECEIVER = "replay-signature"


def replay_rejected(
    engine: sa.Engine, keyring: KeyRing, settings: HubSettings, source_key: str, now: datetime
) -> dict[str, int]:
    """Replay the refused pushes of a source under the signature settings and secrets of today.

    One that passes becomes a delivery under its own id and leaves the holding table in the same
    transaction, so that doing it twice changes nothing. A signed time is judged by when the push
    came. Gives how many are `stored`, `duplicates`, `still_wrong`, and `unreadable`: their sealing
    key is not in the ring any more.

    Raises:
        ConfigError: no such source, or no connector for it.
        StoreAwayError: the database is away; what was done page by page stays done.
    """
    source = settings.all_sources().get(source_key)
    if source is None:
        raise ConfigError(f"no source {source_key!r} is configured: see `hub source list`")
    replay = _Replay(keyring, source_key, source, connector_for(source.platform))
    counts = dict.fromkeys(("stored", "duplicates", "still_wrong", "unreadable"), 0)
    last = None
    while True:
        with store_errors(), engine.begin() as conn:
            page = kept_pushes(
                driver(conn), source.merchant, source_key, now=now, after=last, limit=_PAGE
            )
            if not page:
                return counts
            for fate in replay.page(conn, page):
                counts[fate] += 1
            last = page[-1].id


class _Replay:
    """One source's replay: its settings, its secrets as they are now, its connector."""

    def __init__(
        self, keyring: KeyRing, source_key: str, source: SourceSettings, connector: Connector
    ) -> None:
        self._keyring = keyring
        self._source_key = source_key
        self._source = source
        self._connector = connector
        self._secrets = secrets_from_environment(source.signature.secret_env)

    def page(self, conn: sa.Connection, page: list[Kept]) -> list[str]:
        """What became of each of `page`."""
        passed: list[Delivery] = []
        fates: list[str] = []
        for kept in page:
            try:
                passed.append(self._delivery(kept))
            except SignatureError:
                fates.append("still_wrong")
            except UnsealError:
                fates.append("unreadable")
        stored = store_deliveries(driver(conn), passed, receiver=RECEIVER)
        forget(driver(conn), [delivery.id for delivery in passed])
        fates += ["stored" if fate.duplicate_of is None else "duplicates" for fate in stored]
        return fates

    def _delivery(self, kept: Kept) -> Delivery:
        request: HookRequest = unseal_request(self._keyring, kept)
        verify(self._source.signature, request, self._secrets, kept.received_at)
        arrival = Arrival(
            Via.PUSH,
            kept.received_at,
            platform_key_of(self._connector, request, self._source),
            kept.id,
        )
        envelope = envelope_of(self._connector, request, self._source)
        return seal_delivery(self._keyring, self._source_key, self._source, envelope, arrival)
