"""What a channel is: it sends one message to one address, or says in words why it could not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from hub.errors import HubError


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, already in the reader's language and without personal data.

    `lines` are shown one below another; `link` is the page where it is acknowledged, "" for none;
    `facts` are for machines (a webhook's JSON body).
    """

    title: str
    lines: tuple[str, ...]
    severity: str
    link: str = ""
    link_text: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


class Failure(StrEnum):
    """Why a message was not sent, as far as it changes what to do."""

    CREDENTIALS = (
        "credentials"  # key or secret are wrong, or the bot was removed: a person must act
    )
    ADDRESS = "address"  # this recipient is unknown there
    LIMITED = "limited"  # too many; later
    AWAY = "away"  # no answer, a time-out, 5xx: later
    REFUSED = "refused"  # the platform does not want this message


class ChannelError(HubError):
    """A message was not sent. The text names channel and setting, never a secret."""

    def __init__(self, failure: Failure, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.failure = failure
        self.retry_after_s = retry_after_s


class Channel(Protocol):
    """One configured way out."""

    name: str

    def send(self, message: Outgoing, to: str = "") -> None:
        """Send a message to an address of this channel ("" for a group's bot); returns when it was taken.

        Raises:
            ChannelError: it was not sent.
        """

    def close(self) -> None:
        """Let connections go."""


@runtime_checkable
class Probing(Protocol):
    """A channel that can be asked whether it would take a message, without sending one."""

    def probe(self) -> None:
        """Ask.

        Raises:
            ChannelError: it would not, or did not answer.
        """
