"""From settings and environment to a channel that sends; or the words that say what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from hub.alert_settings import ChannelKind, ChannelSettings
from hub.channels.access import Access
from hub.channels.base import Channel
from hub.channels.dingtalk import DingTalkRobot
from hub.channels.feishu import FeishuBot
from hub.channels.mail import Mail, check_mail
from hub.channels.notifying import AppriseService, check_service
from hub.channels.webhook import Webhook, signing_key
from hub.channels.wecom_app import WecomApp
from hub.channels.wecom_bot import WecomBot
from hub.errors import ConfigError

_KINDS: Final[Mapping[ChannelKind, Callable[[Access], Channel]]] = {
    "wecom_bot": WecomBot,
    "wecom_app": WecomApp,
    "dingtalk": DingTalkRobot,
    "feishu": FeishuBot,
    "mail": Mail,
    "webhook": Webhook,
    "apprise": AppriseService,
}
# Capitals, so that a secret that was written here by mistake is not taken for a name and shown.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{6,256}")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def open_channel(name: str, settings: ChannelSettings, environment: Mapping[str, str]) -> Channel:
    """The channel `name`; connects to nothing.

    Raises:
        ConfigError: the first of `channel_problems`.
    """
    problems = channel_problems(name, settings, environment)
    if problems:
        raise ConfigError(problems[0])
    key, secret = (environment.get(each, "").strip() for each in _variables(settings))
    return _KINDS[settings.kind](Access(name, settings, key, secret))


def channel_problems(
    name: str, settings: ChannelSettings, environment: Mapping[str, str]
) -> list[str]:
    """What keeps a channel from being opened, each in one line that names the setting; no secret is in it."""
    where = f"alerts.channels.{name}"
    problems = [f"{where}.{text}" for text in _incomplete(settings)]
    for field, variable in (("key_env", settings.key_env), ("secret_env", settings.secret_env)):
        if field == "secret_env" and not variable:
            continue
        if not _VARIABLE.fullmatch(variable):
            problems.append(
                f"{where}.{field}: the name of an environment variable, in capitals;"
                " the secret itself belongs there, not into the settings"
            )
        elif not (value := environment.get(variable, "").strip()):
            problems.append(f"{where}.{field}: set the environment variable {variable}")
        elif wrong := _wrong(settings.kind, field, value):
            problems.append(f"{where}.{field}: the environment variable {variable} {wrong}")
    return problems


def _variables(settings: ChannelSettings) -> tuple[str, str]:
    return settings.key_env, settings.secret_env


def _incomplete(settings: ChannelSettings) -> list[str]:
    problems = []
    if settings.kind == "wecom_app":
        if not settings.corp_id:
            problems.append("corp_id: set the corp id (我的企业 → 企业ID)")
        if settings.agent_id <= 0:
            problems.append("agent_id: set the AgentId of the application")
    if settings.api_base and not _is_safe(settings.api_base):
        problems.append("api_base: must be https (plain http only on this machine)")
    return problems


def _wrong(kind: ChannelKind, field: str, value: str) -> str:
    """What is wrong with the value of a variable; "" if it is plausible."""
    check = _check_secret if field == "secret_env" else _CHECKS.get(kind, _check_token)
    try:
        check(value)
    except ConfigError as error:
        return str(error)
    return ""


def _check_token(value: str) -> None:
    if "://" in value:
        raise ConfigError("holds a whole address; set only the key at its end")
    if not _TOKEN.fullmatch(value):
        raise ConfigError("holds no key: letters, digits, - and _ only")


def _check_secret(value: str) -> None:
    try:
        signing_key(value)
    except ValueError:
        raise ConfigError("does not hold base64 behind whsec_") from None


def _check_webhook(value: str) -> None:
    if not _is_safe(value):
        raise ConfigError("must hold an https address (plain http only on this machine)")


_CHECKS: Final[Mapping[ChannelKind, Callable[[str], None]]] = {
    "mail": check_mail,
    "apprise": check_service,
    "webhook": _check_webhook,
}


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_here = parts.hostname in _LOOPBACK
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_here)
    )
