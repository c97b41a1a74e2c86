"""Ways to recipients: which is open now, which rests after a failure, and the sending itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from hub.alert_settings import AlertSettings, ChannelSettings
from hub.channels.base import Channel, ChannelError, Failure, Outgoing
from hub.errors import ConfigError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 15.0, 300.0
_LIMITED_PAUSE_S = 60.0
Opener = Callable[[str, ChannelSettings, Mapping[str, str]], Channel]
log = logging.getLogger("hub.notify")


class Way(NamedTuple):
    """A channel and an address on it."""

    channel: str
    to: str


class Subject(NamedTuple):
    """What is to be sent to whom: `key` is the message's number, `without` a channel that it is about."""

    recipient: str
    key: int
    without: str = ""


class NoWayError(ChannelError):
    """A recipient cannot be reached now: `until` an instant, or never (`None`)."""

    def __init__(self, text: str, until: datetime | None) -> None:
        super().__init__(Failure.AWAY, text)
        self.until = until


@dataclass(slots=True)
class _Rest:
    """A channel, an address or a message on a channel that failed."""

    failures: int
    until: datetime


class Post:
    """Sends, and remembers in memory what failed: a way that failed rests 15 s, then longer, to 5 min."""

    def __init__(
        self, settings: AlertSettings, environment: Mapping[str, str], opener: Opener
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._opener = opener
        self._channels: dict[str, Channel] = {}
        self._rests: dict[tuple[object, ...], _Rest] = {}

    def way(self, subject: Subject, now: datetime) -> Way:
        """The first way to a recipient that does not rest.

        Raises:
            NoWayError: every way rests, or there is none.
        """
        recipient = self._settings.recipients.get(subject.recipient)
        ways = [Way(one.via, one.to) for one in recipient.reach] if recipient else []
        ways = [
            way
            for way in ways
            if way.channel != subject.without and way.channel in self._settings.channels
        ]
        if not ways:
            raise NoWayError("no channel leads to this recipient (alerts.recipients)", None)
        ends = [self.rests_until(way, subject.key, now) for way in ways]
        for way, end in zip(ways, ends, strict=True):
            if end is None:
                return way
        raise NoWayError("every channel failed", min(end for end in ends if end is not None))

    def rests_until(self, way: Way, key: int, now: datetime) -> datetime | None:
        """When a way may be tried again, `None` for now."""
        # A rest that ends later than any can was set before the clock went back.
        latest = now + timedelta(seconds=LONGEST_PAUSE_S)
        rests = [self._rests.get(part) for part in _parts(way, key)]
        ends = [rest.until for rest in rests if rest and now < rest.until <= latest]
        return max(ends, default=None)

    def send(self, way: Way, message: Outgoing) -> None:
        """Hand a message to a channel.

        Raises:
            ChannelError: it was not taken; the text names setting and channel.
        """
        try:
            self._channel(way.channel).send(message, way.to)
        except ChannelError:
            raise
        except ConfigError as error:
            raise ChannelError(Failure.CREDENTIALS, str(error)) from None
        except Exception as error:  # noqa: BLE001 -- one channel's bug must not keep the others from telling
            log.error("channel %s: %s", way.channel, type(error).__name__)  # noqa: TRY400 -- a traceback could show its URL
            text = f"alerts.channels.{way.channel}: {type(error).__name__}"
            raise ChannelError(Failure.AWAY, text) from None

    def note_sent(self, way: Way, keys: list[int]) -> None:
        """The way works."""
        for key in keys:
            for part in _parts(way, key):
                self._rests.pop(part, None)

    def note_failed(self, way: Way, keys: list[int], error: ChannelError, now: datetime) -> None:
        """Let rest what failed: the channel, this address on it, or these messages on it."""
        for part in {_failed_part(way, key, error.failure) for key in keys}:
            failures = self._rests[part].failures + 1 if part in self._rests else 1
            pause_s = min(FIRST_PAUSE_S * 2 ** min(failures - 1, 10), LONGEST_PAUSE_S)
            if error.failure is Failure.LIMITED:
                pause_s = min(error.retry_after_s or _LIMITED_PAUSE_S, LONGEST_PAUSE_S)
            self._rests[part] = _Rest(failures, now + timedelta(seconds=pause_s))

    def failures(self, way: Way, key: int) -> int:
        """How often a way has failed in a row."""
        rests = (self._rests.get(part) for part in _parts(way, key))
        return max((rest.failures for rest in rests if rest), default=0)

    def forget(self, now: datetime) -> None:
        """Forget rests that ended an hour ago."""
        long_ago = now - timedelta(hours=1)
        self._rests = {part: rest for part, rest in self._rests.items() if rest.until > long_ago}

    def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    def _channel(self, name: str) -> Channel:
        if name not in self._channels:
            settings = self._settings.channels[name]
            self._channels[name] = self._opener(name, settings, self._environment)
        return self._channels[name]


def _parts(way: Way, key: int) -> tuple[tuple[object, ...], ...]:
    return ((way.channel,), (way.channel, way.to), (way.channel, way.to, key))


def _failed_part(way: Way, key: int, failure: Failure) -> tuple[object, ...]:
    channel, address, message = _parts(way, key)
    if failure is Failure.ADDRESS:
        return address
    return message if failure is Failure.REFUSED else channel
