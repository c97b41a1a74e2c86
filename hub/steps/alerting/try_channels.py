"""One message through each channel that says that it is a test: the only proof that somebody would be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.alerts.messages import note_try
from hub.channels.base import Channel, ChannelError, Outgoing
from hub.channels.open import open_channel
from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.mapping.nearest import expected_one_of
from hub.model.calendar import SHANGHAI
from hub.settings import HubSettings
from hub.steps.alerting.check_channels import NEEDS_ADDRESS


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one test message; `words` say why it was not sent. No address is in it."""

    channel: str
    recipient: str
    is_sent: bool
    words: str
    failure: str = ""  # the kind of a channel's own refusal; a mistake in the settings has none


@dataclass(frozen=True, slots=True)
class _Target:
    """One address of a channel, and in words whose it is."""

    recipient: str
    to: str


def try_channels(
    settings: HubSettings,
    environment: Mapping[str, str],
    names: Sequence[str] = (),
    *,
    to: str = "",
    everybody: bool = False,
    now: datetime,
) -> list[Trial]:
    """Send a test through the channels `names`, none: through all.

    It goes to the first recipient that is reached over a channel, to all of them with `everybody`, or to the
    address `to`.

    Raises:
        ConfigError: a name is of no channel, or there is none.
    """
    channels = settings.alerts.channels
    if not channels:
        raise ConfigError("no channel is configured: see docs/alerts.md, Channels")
    for name in names:
        if name not in channels:
            raise ConfigError(f"channel {expected_one_of(name, channels)}")
    return [
        trial
        for name in names or channels
        for trial in _tried(
            settings, environment, name, _targets(settings, name, to, everybody), now
        )
    ]


def write_down(engine: sa.Engine, trials: Sequence[Trial], now: datetime) -> None:
    """Keep what channels answered, so that the doctor knows it; mistakes in the settings it sees itself.

    Raises:
        StoreAwayError: the database is away.
    """
    asked = [trial for trial in trials if trial.is_sent or trial.failure]
    with store_errors(), engine.begin() as conn:
        for trial in asked:
            said = "" if trial.is_sent else trial.words
            note_try(conn, trial.channel, now, failure=trial.failure or None, said=said or None)


def _targets(settings: HubSettings, name: str, to: str, everybody: bool) -> list[_Target]:
    if to:
        return [_Target("--to", to)]
    reached = [
        _Target(recipient, reach.to)
        for recipient, one in settings.alerts.recipients.items()
        for reach in one.reach
        if reach.via == name
    ]
    if not reached and settings.alerts.channels[name].kind not in NEEDS_ADDRESS:
        return [_Target("", "")]
    return reached if everybody else reached[:1]


def _tried(
    settings: HubSettings,
    environment: Mapping[str, str],
    name: str,
    targets: Sequence[_Target],
    now: datetime,
) -> list[Trial]:
    if not targets:
        words = f"alerts.recipients: nobody is reached over {name}; give an address with --to"
        return [Trial(name, "", False, words)]
    try:
        channel = open_channel(name, settings.alerts.channels[name], environment)
    except ConfigError as error:
        return [Trial(name, target.recipient, False, str(error)) for target in targets]
    message = _message(settings, name, now)
    with closing(channel):
        return [_sent(channel, message, target) for target in targets]


def _sent(channel: Channel, message: Outgoing, target: _Target) -> Trial:
    try:
        channel.send(message, target.to)
    except ChannelError as error:
        return Trial(channel.name, target.recipient, False, str(error), error.failure.value)
    return Trial(channel.name, target.recipient, True, "sent")


def _message(settings: HubSettings, name: str, now: datetime) -> Outgoing:
    at = f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    if settings.alerts.language == "zh":
        title = "测试消息，不是告警"
        lines = (f"告警通道 {name} 可以送达。", "无需处理。", f"发送时间 {at}（北京时间）")
    else:
        title = "A test, not an alert"
        lines = (f"Channel {name} reaches you.", "Nothing to do.", f"Sent at {at} (Beijing time)")
    return Outgoing(title, lines, "info", facts={"kind": "test", "channel": name})
