"""What a sender holds: its settings and its secrets, and the words in which it fails. Secrets are never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.alert_settings import ChannelSettings
from hub.channels.base import ChannelError, Failure

_ADDRESS = re.compile(r"[\w.@-]{1,64}")
_EVERYBODY = "@all"  # an alert names whom it is for


@dataclass(frozen=True, slots=True)
class Fault:
    """What a platform's code means. `words` may name `{key_env}` and `{secret_env}`: what to mend."""

    failure: Failure
    words: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """One channel's settings with the secrets that the environment holds for it."""

    name: str
    settings: ChannelSettings
    key: str = field(repr=False)
    secret: str = field(default="", repr=False)

    def base(self, default: str) -> str:
        """The platform's address without a last slash."""
        return (self.settings.api_base or default).rstrip("/")

    def error(
        self, failure: Failure, words: str, *, retry_after_s: float | None = None
    ) -> ChannelError:
        """The error in words that begin with this channel's place in the settings."""
        return ChannelError(
            failure, f"alerts.channels.{self.name}: {words}", retry_after_s=retry_after_s
        )

    def fault(self, fault: Fault, shown: str) -> ChannelError:
        """The error of a known code; `shown` is the code as the platform writes it."""
        words = fault.words.format(
            key_env=self.settings.key_env, secret_env=self.settings.secret_env or "secret_env"
        )
        return self.error(fault.failure, f"{words} ({shown})", retry_after_s=fault.retry_after_s)

    def no_address(self, to: str) -> None:
        """A channel with one address of its own takes no other.

        Raises:
            ChannelError: one was given.
        """
        if to:
            words = "its address stands in {key_env}; a recipient reaches it without `to`"
            raise self.fault(Fault(Failure.ADDRESS, words), f"kind {self.settings.kind}")

    def member(self, to: str) -> str:
        """A member's id as the platforms write them; "" stays "".

        Raises:
            ChannelError: it is none. The text does not repeat it.
        """
        if to and (to.lower() == _EVERYBODY or not _ADDRESS.fullmatch(to)):
            raise self.error(Failure.ADDRESS, "`to` of a recipient is no member's id")
        return to


def found(codes: Mapping[int, Fault], code: int, status: int) -> Fault:
    """What a code means; an unknown one is away with a status of 5xx, else refused."""
    if code in codes:
        return codes[code]
    if status >= 500:
        return Fault(Failure.AWAY, "the platform is out of order")
    return Fault(Failure.REFUSED, "the platform refused the message")
