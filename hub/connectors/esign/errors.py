"""e签宝's codes as data: what each means and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from hub.connectors.code_table import CodeRule, rule_of
from hub.errors import HubError, PlatformDownError, PlatformRejectedError


class Action(StrEnum):
    """What is done about a code; sources may correct a row (`options.error_actions`)."""

    RETRY = "retry"
    STOP = "stop"


FLOW_NOT_FOUND = 1435011
RULES: Mapping[int, CodeRule[Action]] = MappingProxyType(
    {
        1435012: CodeRule(Action.RETRY, "busy"),
        1430012: CodeRule(Action.RETRY, "busy"),
        1437513: CodeRule(Action.RETRY, "the document is still being converted"),
        1435002: CodeRule(Action.STOP, "the parameters are wrong"),
        1436116: CodeRule(Action.STOP, "the initiator has not authorised", "let it authorise"),
        1435404: CodeRule(Action.STOP, "the quota is used up", "buy a package"),
        1435405: CodeRule(Action.STOP, "the quota is used up", "buy a package"),
        FLOW_NOT_FOUND: CodeRule(Action.STOP, "there is no such flow"),
    }
)


def error_of(code: int, overrides: Mapping[int, str]) -> HubError:
    """The error that a code becomes."""
    rule = rule_of(code, RULES, Action.STOP, overrides)
    text = rule.text(code)
    if rule.action is Action.RETRY:
        return PlatformDownError(text)
    return PlatformRejectedError(text, code=str(code))


def gateway_error(message: str) -> HubError:
    """The error of a call that the gateway refused; its text says why, and is not repeated."""
    if "INVALID_TIMESTAMP" in message:
        return PlatformDownError("the gateway refused our time: set this machine's clock")
    if "INVALID_SIGNATURE" in message:
        return PlatformRejectedError(
            "the gateway refused our signature: see options.secret_env", code="INVALID_SIGNATURE"
        )
    return PlatformRejectedError(
        "the gateway refused the call: see options.app_id and the list of addresses",
        code="http_401",
    )
