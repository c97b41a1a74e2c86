"""What a connector is: how one platform pushes, is pulled, and how its payload splits into records."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal, Protocol

from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

log = logging.getLogger("hub.connectors")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a pull: the envelope to store and the cursor to write in the same transaction.

    `envelope` is None where nothing on the page is new: then only the cursor moves.
    `cursor` is JSON-able; it is what the next pull starts from if this page was the last stored.
    `external_ids` are the platform's ids on the page, for page-until-known and counting.
    """

    envelope: Envelope | None
    cursor: Mapping[str, Any]
    external_ids: Sequence[str] = ()
    reported_total: int | None = None


@dataclass(frozen=True, slots=True)
class OpenFlow:
    """A signing flow that the hub knows and that has not ended: the platform's id and what is known of it.

    `may_be_done`: somebody has signed, and the platform has not said that all have.
    """

    id: str
    first_seen_at: datetime
    changed_at: datetime
    may_be_done: bool = False


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What to pull. `until` is frozen before the first call; `cursor` is what the last pull left.

    `open_flows` are there for a stream that the connector names in `asks_about_flows`.
    """

    stream: str
    since: datetime | None
    until: datetime
    cursor: Mapping[str, Any] = field(default_factory=dict)
    open_flows: Sequence[OpenFlow] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """What a platform says that is no lead and that a person must know: an empty balance stops leads.

    `text` follows "source KEY: ", `text_zh` the same in Chinese; so with what helps, `action`. `ends` are
    reasons whose alert is over with this one.
    """

    severity: Literal["info", "warning", "critical"]
    text: str
    text_zh: str
    action: str
    action_zh: str
    ends: tuple[str, ...] = ()


class Connector(Protocol):
    """One platform. Stateless: settings, tokens and HTTP clients are handed in.

    A connector may also have `notices`, a mapping of `not_a_lead` reasons to what a person is told
    when such a record comes (`Notice`).
    """

    platform: str

    @property
    def pushes(self) -> tuple[str, ...]:
        """The shapes that `push:` of a source may name; none where nothing is pushed."""
        ...

    def check(self, source: SourceSettings) -> None:
        """Look at the settings of a source before anything arrives.

        Raises:
            ConfigError: an option is unknown or has a value that cannot be; names it.
        """
        ...

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """The entities that the records of a source can have: each has a mapping of its own."""
        ...

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """The answer to a set-up request of the platform, or None if `request` is a delivery."""
        ...

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """What the platform expects when a delivery was taken."""
        ...

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """What the platform expects when a signature is wrong."""
        ...

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """The platform's own id of this delivery (`Msg-Id`), or None if it gives none."""
        ...

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """All of `request` that is needed to split it later; parses nothing."""
        ...

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """The records of a delivery, in order. Pure and total: what cannot be read comes back as one
        record with `unreadable` set; nothing is raised for bad input."""
        ...


class PullConnector(Connector, Protocol):
    """A platform that can be pulled too."""

    streams: tuple[str, ...]
    dated_streams: tuple[str, ...]
    """Streams that can be listed by creation time and say how many there are: they can be counted."""

    def pages(
        self,
        session: Any,  # noqa: ANN401 -- each connector defines its own session
        request: PullRequest,
        source: SourceSettings,
    ) -> AsyncIterator[Page]:
        """Pages from first to last; raises TransientError, PlatformRejectedError, AuthorizationLostError."""
        ...


@cache
def connectors() -> Mapping[str, Connector]:
    """All installed connectors by platform, found by entry point `hub.connectors`.

    One that cannot be loaded is left out and logged: it must not stop the sources of all others.
    """
    found: dict[str, Connector] = {}
    for entry in entry_points(group="hub.connectors"):
        try:
            found[entry.name] = entry.load()
        except Exception:
            log.exception("connector %s cannot be loaded; its sources do not work", entry.name)
    return found


def connector_for(platform: str) -> Connector:
    """The connector of a platform.

    Raises:
        ConfigError: none is installed under that name.
    """
    found = connectors()
    if platform not in found:
        known = ", ".join(sorted(found))
        raise ConfigError(f"no connector for platform {platform!r}; installed: {known}")
    return found[platform]
