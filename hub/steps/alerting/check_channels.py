"""Are the channels of alerts set up? What the settings say, and with `probe` what can be asked without a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.alert_settings import ChannelSettings
from hub.channels.base import ChannelError, Probing
from hub.channels.mail import is_unprotected
from hub.channels.open import channel_problems, open_channel
from hub.settings import HubSettings

NEEDS_ADDRESS = frozenset({"mail", "wecom_app"})


@dataclass(frozen=True, slots=True)
class ChannelCheck:
    """One thing that was looked at: whether it is good, what was seen, what to do. No secret is in it."""

    channel: str
    ok: bool
    seen: str
    mend: str


def check_channels(
    settings: HubSettings, environment: Mapping[str, str], *, probe: bool
) -> list[ChannelCheck]:
    """Every channel: one line if it is good, else one for each thing that is not.

    `probe` asks WeCom for a token and logs in to mail servers; the other kinds answer nothing but messages.
    """
    return [
        check
        for name, channel in settings.alerts.channels.items()
        for check in _checks(settings, name, channel, environment, probe=probe)
    ]


def _checks(
    settings: HubSettings,
    name: str,
    channel: ChannelSettings,
    environment: Mapping[str, str],
    *,
    probe: bool,
) -> list[ChannelCheck]:
    problems = channel_problems(name, channel, environment)
    again = f"set it, then: hub alerts test {name}"
    if channel.kind in NEEDS_ADDRESS:
        problems += _without_address(settings, name)
    if problems:
        return [ChannelCheck(name, False, problem, again) for problem in problems]
    if probe:
        return [_probed(name, channel, environment)]
    return [_complete(name, channel, environment)]


def _without_address(settings: HubSettings, name: str) -> list[str]:
    return [
        f"alerts.recipients.{recipient}.reach.{place}.to: set an address, {name} has none of its own"
        for recipient, one in settings.alerts.recipients.items()
        for place, reach in enumerate(one.reach)
        if reach.via == name and not reach.to
    ]


def _complete(name: str, channel: ChannelSettings, environment: Mapping[str, str]) -> ChannelCheck:
    seen = f"{channel.kind}: settings are complete"
    if channel.kind == "mail" and is_unprotected(environment[channel.key_env].strip()):
        mend = f"use mailtos:// in {channel.key_env}"
        return ChannelCheck(name, True, f"{seen}; the password goes unencrypted", mend)
    if channel.kind == "webhook" and not channel.secret_env:
        mend = f"set alerts.channels.{name}.secret_env"
        return ChannelCheck(name, True, f"{seen}; messages are not signed", mend)
    return ChannelCheck(name, True, seen, "")


def _probed(name: str, channel: ChannelSettings, environment: Mapping[str, str]) -> ChannelCheck:
    opened = open_channel(name, channel, environment)
    try:
        if not isinstance(opened, Probing):
            seen = f"{channel.kind}: cannot be asked without a message"
            return ChannelCheck(name, True, seen, f"hub alerts test {name}")
        opened.probe()
    except ChannelError as error:
        return ChannelCheck(name, False, str(error), f"mend it, then: hub alerts test {name}")
    finally:
        opened.close()
    return ChannelCheck(name, True, f"{channel.kind}: credentials are accepted", "")
