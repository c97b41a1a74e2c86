"""Telling a platform what became of a lead: what a connector is given, and what it must be able to do.

The connector says what would be sent, so that a person can look at it first; a step sends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hub.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What became of a lead. `external_id` is the platform's, `lead` the canonical document."""

    external_id: str
    state: str
    note: str
    lead: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FollowUpCall:
    """One call that tells it: the path at the platform, and the JSON that is sent."""

    path: str
    document: Mapping[str, Any]


class WriteBackConnector(Protocol):
    """A platform that can be told what became of its leads. Its session is the connector's own."""

    def follow_up(self, told: FollowUp, source: SourceSettings) -> FollowUpCall:
        """What would be sent. Pure.

        Raises:
            ConfigError: the source is not set up for it, the state is none that the platform knows
                (names those), or the lead lacks what the platform wants to hear.
        """
        ...

    async def send_follow_up(
        self,
        session: Any,  # noqa: ANN401 -- each connector defines its own session
        call: FollowUpCall,
        source: SourceSettings,
    ) -> None:
        """Send it.

        Raises:
            TransientError: no answer, or try later: it may have arrived.
            PlatformRejectedError, AuthorizationLostError: the platform said no.
        """
        ...
