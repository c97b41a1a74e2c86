"""What every route of the receiver works with, and the one way in: `take`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from hub.connectors.base import Connector
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Delivery, Envelope, Via
from hub.privacy.keyring import KeyRing
from hub.receiver.access import AccessLog
from hub.receiver.metrics import ReceiverMetrics
from hub.settings import HubSettings, SourceSettings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current instant, aware."""
    return datetime.now(UTC)


class Intake(Protocol):
    """Makes deliveries durable: the group commit, or a stand-in for it."""

    async def submit(self, delivery: Delivery) -> UUID:
        """Return once `delivery` is committed or fsynced in the spool.

        Gives the id it is known by: that of the first one where this is a duplicate of it.

        Raises:
            RefusedError: 503; neither the store nor the spool can take it.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReceiverContext:
    """One receiver's parts. `sources`, `connectors` go by source key, forms (`form-<id>`) too."""

    settings: HubSettings
    keyring: KeyRing
    group_commit: Intake
    clock: Clock
    sources: Mapping[str, SourceSettings]
    connectors: Mapping[str, Connector]
    metrics: ReceiverMetrics
    access: AccessLog

    async def take(
        self,
        source_key: str,
        envelope: Envelope,
        delivery_key: str | None,
        via: Via = Via.PUSH,
        *,
        delivery_id: UUID | None = None,
    ) -> UUID:
        """Seal `envelope` and make it durable; answer success only after this has returned.

        `delivery_key` is the platform's own id of the delivery (a form's submission id); without
        one, equal bodies within the source's `dedupe_window_s` are one delivery. Gives the id
        that the delivery stands under; of a duplicate, where known at once, the first one's: a
        caller that wants to know hands in the `delivery_id` that a new one gets.

        Raises:
            RefusedError: 503 (`spool_full`, `spool_broken`, `busy`): nothing was kept, the sender
                must try again.
        """
        arrival = Arrival(via, self.clock(), delivery_key, delivery_id)
        source = self.sources[source_key]
        delivery = seal_delivery(self.keyring, source_key, source, envelope, arrival)
        return await self.group_commit.submit(delivery)
