"""The platform's codes as data: what each means and what is done about it (notes §1 and §5)."""

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
    BACK_OFF = "back_off"
    WAIT_DEVELOPER = "wait_developer"
    DELAY_ACCOUNT = "delay_account"
    REFRESH = "refresh"
    REAUTHORIZE = "reauthorize"
    STOP = "stop"


_AGAIN = "run `hub source authorize` for this source"

RULES: Mapping[int, CodeRule[Action]] = MappingProxyType(
    {
        40000: CodeRule(Action.STOP, "bad parameter or wrong kind of account", "check the ids"),
        40002: CodeRule(
            Action.STOP,
            "no permission on the account, scope not granted, or wrong secret",
            "check the scope of the application and the secret",
        ),
        40100: CodeRule(Action.BACK_OFF, "the endpoint is busy"),
        40102: CodeRule(Action.REFRESH, "access token expired"),
        40103: CodeRule(Action.REAUTHORIZE, "refresh token expired", _AGAIN),
        40104: CodeRule(Action.STOP, "empty token", "report this as a defect of the hub"),
        # LIKELY only: the code is not in the table that was copied. `error_actions` can change it.
        40105: CodeRule(Action.REFRESH, "access token invalid"),
        40107: CodeRule(Action.REAUTHORIZE, "refresh token invalid", _AGAIN),
        40110: CodeRule(Action.WAIT_DEVELOPER, "developer rate limit"),
        40113: CodeRule(Action.STOP, "application missing or disabled", "check `app_id`"),
        40115: CodeRule(Action.REAUTHORIZE, "authorisation code invalid or used", _AGAIN),
        40118: CodeRule(Action.STOP, "endpoint not allow-listed", "apply for it at the platform"),
        # A new grant mends it, but the tokens are good: other accounts go on being pulled with them.
        40119: CodeRule(
            Action.STOP,
            "developer and advertiser are different companies",
            f"{_AGAIN} and tick 敏感物料授权 (material_auth)",
        ),
        40130: CodeRule(Action.DELAY_ACCOUNT, "rate limit of the account"),
        50000: CodeRule(Action.RETRY, "the platform timed out"),
    }
)

# The gateway of 来客. All of them are what one production client does (community); `error_actions` can change it.
LAIKE_RULES: Mapping[int, CodeRule[Action]] = MappingProxyType(
    {
        **{
            code: CodeRule(Action.RETRY, "the platform could not do it this time")
            for code in (2100001, 2100004, 2119002, 2119003, 5000001, 45002002)
        },
        2190002: CodeRule(Action.REFRESH, "client token invalid"),
        2190008: CodeRule(Action.REFRESH, "client token expired"),
    }
)

PENALTY_S = 300.0
_LEAST_WAIT_S = 1.0


def error_of(
    code: int,
    headers: Mapping[str, str],
    *,
    overrides: Mapping[int, str],
    customer_delay_s: float,
    rules: Mapping[int, CodeRule[Action]] = RULES,
) -> HubError:
    """The error that a code of the platform becomes; `headers` are those of the answer, lower case."""
    rule = rule_of(code, rules, Action.STOP, overrides)
    text = rule.text(code)
    match rule.action:
        case Action.RETRY:
            return PlatformDownError(text)
        case Action.BACK_OFF:
            return RateLimitedError(text, dimension="endpoint")
        case Action.WAIT_DEVELOPER:
            return RateLimitedError(
                text, retry_after_s=_developer_wait_s(headers), dimension="developer"
            )
        case Action.DELAY_ACCOUNT:
            return RateLimitedError(text, retry_after_s=customer_delay_s, dimension="customer")
        case Action.REFRESH:
            return TokenStaleError(text, code=str(code))
        case Action.REAUTHORIZE:
            return AuthorizationLostError(text, code=str(code))
        case Action.STOP:
            return PlatformRejectedError(text, code=str(code))


def _developer_wait_s(headers: Mapping[str, str]) -> float:
    """`X-RateLimit-RetryIn` seconds; else five minutes for the minute penalty, else one second."""
    asked = headers.get("x-ratelimit-retryin", "")
    if asked.isascii() and asked.isdigit() and int(asked) > 0:
        return min(max(float(asked), _LEAST_WAIT_S), 2 * PENALTY_S)
    if headers.get("x-ratelimit-dimension") == "developer_qpm":
        return PENALTY_S
    return _LEAST_WAIT_S
