"""The platform's codes as data: what each means and what is done about it (notes §2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from hub.connectors.code_table import CodeRule, TokenStaleError, rule_of
from hub.errors import (
    AuthorizationLostError,
    HubError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)


class Action(StrEnum):
    """What is done about a code."""

    RETRY = "retry"
    SLOW_DOWN = "slow_down"
    BLOCK = "block"
    REFRESH = "refresh"
    REAUTHORIZE = "reauthorize"
    STOP = "stop"


NO_RELATION, BAD_CUSTOMER = 84061, 40096

RULES: Mapping[int, CodeRule[Action]] = MappingProxyType(
    {
        -1: CodeRule(Action.RETRY, "the platform is busy"),
        6000: CodeRule(Action.RETRY, "the data was changed by another call"),
        45033: CodeRule(Action.SLOW_DOWN, "too many calls at a time"),
        45035: CodeRule(Action.SLOW_DOWN, "another call is at the same customer"),
        40014: CodeRule(Action.REFRESH, "access token invalid"),
        42001: CodeRule(Action.REFRESH, "access token expired"),
        45009: CodeRule(Action.BLOCK, "called too often", "see options.calls_per_minute"),
        41096: CodeRule(Action.STOP, "another application sends the welcome message"),
        40001: CodeRule(Action.REAUTHORIZE, "wrong secret", "check options.secret_env"),
        40013: CodeRule(Action.REAUTHORIZE, "wrong corp id", "check options.corp_id"),
        40056: CodeRule(Action.STOP, "wrong agent id"),
        40058: CodeRule(Action.STOP, "bad parameter"),
        BAD_CUSTOMER: CodeRule(Action.STOP, "no such external user id"),
        41001: CodeRule(Action.STOP, "token missing", "report this as a defect of the hub"),
        41050: CodeRule(Action.STOP, "the welcome code is no longer good"),
        41051: CodeRule(Action.STOP, "the chat has already begun"),
        41054: CodeRule(Action.STOP, "the member is not active"),
        48002: CodeRule(
            Action.STOP,
            "the application may not call this",
            "list it under 客户联系 → 可调用接口的应用",
        ),
        50003: CodeRule(Action.STOP, "the application is disabled"),
        301002: CodeRule(Action.STOP, "the application is not permitted"),
        60011: CodeRule(
            Action.STOP, "no right on member, department or tag", "check its visible range"
        ),
        60020: CodeRule(
            Action.STOP, "this address is not trusted", "enter it under 企业可信IP, wait a minute"
        ),
        60111: CodeRule(Action.STOP, "no such member"),
        81013: CodeRule(Action.STOP, "nobody to send to is valid"),
        NO_RELATION: CodeRule(Action.STOP, "the customer is no longer a contact"),
        301052: CodeRule(Action.STOP, "the conversation archive has expired"),
        301053: CodeRule(Action.STOP, "the conversation archive is not enabled"),
        701008: CodeRule(Action.STOP, "no licensed user", "buy a licence"),
    }
)

BACK_OFF_S = 2.0


def error_of(code: int, *, overrides: Mapping[int, str], blocked_s: float) -> HubError:
    """The error that a code becomes."""
    rule = rule_of(code, RULES, Action.STOP, overrides)
    text = rule.text(code)
    match rule.action:
        case Action.RETRY:
            return PlatformDownError(text)
        case Action.SLOW_DOWN:
            return RateLimitedError(text, retry_after_s=BACK_OFF_S, dimension="concurrency")
        case Action.BLOCK:
            return RateLimitedError(text, retry_after_s=blocked_s, dimension="api")
        case Action.REFRESH:
            return TokenStaleError(text, code=str(code))
        case Action.REAUTHORIZE:
            return AuthorizationLostError(text, code=str(code))
        case Action.STOP:
            return PlatformRejectedError(text, code=str(code))
