"""法大大's codes: what each means and what is done about it. `100001` is the only one whose text counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from hub.connectors.code_table import CodeRule, TokenStaleError
from hub.errors import (
    ConfigError,
    HubError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)


class Action(StrEnum):
    """What is done about a code; sources may correct a row (`options.error_actions`)."""

    REFRESH = "refresh"
    RETRY = "retry"
    SLOW_DOWN = "slow_down"
    STOP = "stop"


SUCCESS = "100000"
UNCLEAR = "100001"
RULES: Mapping[str, CodeRule[Action]] = MappingProxyType(
    {
        "100002": CodeRule(Action.REFRESH, "the token is not accepted"),
        "100003": CodeRule(Action.STOP, "the signature is wrong", "see options.secret_env"),
        "100004": CodeRule(Action.SLOW_DOWN, "too many calls"),
        "100006": CodeRule(Action.STOP, "token and application do not belong together"),
        "100020": CodeRule(Action.SLOW_DOWN, "too many calls"),
        "200001": CodeRule(Action.RETRY, "busy"),
        "211058": CodeRule(Action.STOP, "the quota is used up", "buy a package"),
        "211407": CodeRule(Action.RETRY, "busy"),
    }
)
_FAMILIES = (
    (re.compile(r"10001[0-6]"), CodeRule(Action.STOP, "the call is not allowed")),
    (re.compile(r"213\d{3}"), CodeRule(Action.STOP, "not authorised", "let the owner authorise")),
    (re.compile(r"2120\d\d"), CodeRule(Action.STOP, "the quota is used up", "buy a package")),
)
_EXPIRED, _WRONG_APP = "请求已过期", "未获取有效的平台信息"
BACK_OFF_S = 2.0


def error_of(code: str, message: str, overrides: Mapping[str, str]) -> HubError:
    """The error that a code becomes; `message` is read for `100001` only and never repeated."""
    if code == UNCLEAR and code not in overrides:
        return _unclear(message)
    rule = _rule(code, overrides)
    text = f"platform code {code[:40]}: {rule.meaning}" + (
        f"; {rule.remedy}" if rule.remedy else ""
    )
    match rule.action:
        case Action.REFRESH:
            return TokenStaleError(text, code=code)
        case Action.RETRY:
            return PlatformDownError(text)
        case Action.SLOW_DOWN:
            return RateLimitedError(text, retry_after_s=BACK_OFF_S, dimension="interface")
        case Action.STOP:
            return PlatformRejectedError(text, code=code)


def _unclear(message: str) -> HubError:
    if _EXPIRED in message:
        return PlatformDownError("the platform refused our time: set this machine's clock")
    if _WRONG_APP in message:
        return PlatformRejectedError(
            "the platform does not know the application: see options.app_id", code=UNCLEAR
        )
    return PlatformDownError(f"platform code {UNCLEAR}: busy")


def _rule(code: str, overrides: Mapping[str, str]) -> CodeRule[Action]:
    family = next((rule for pattern, rule in _FAMILIES if pattern.fullmatch(code)), None)
    unknown = CodeRule(Action.STOP, "a code that is not in the vendor's table")
    rule = RULES.get(code) or family or unknown
    if code not in overrides:
        return rule
    try:
        return CodeRule(Action(overrides[code]), rule.meaning, rule.remedy)
    except ValueError:
        known = ", ".join(Action)
        raise ConfigError(f"options.error_actions.{code}: choose one of {known}") from None
