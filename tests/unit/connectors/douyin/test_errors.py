"""Each code of the platform's table becomes the error that says what to do."""

from __future__ import annotations

import pytest

from hub.connectors.code_table import TokenStaleError, rule_of
from hub.connectors.douyin.errors import RULES, Action, error_of
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    HubError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)


def an_error(code: int, headers: dict[str, str] | None = None, **overrides: str) -> HubError:
    chosen = {int(key.removeprefix("c")): value for key, value in overrides.items()}
    return error_of(code, headers or {}, overrides=chosen, customer_delay_s=60.0)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40000, PlatformRejectedError),
        (40002, PlatformRejectedError),
        (40100, RateLimitedError),
        (40102, TokenStaleError),
        (40103, AuthorizationLostError),
        (40104, PlatformRejectedError),
        (40105, TokenStaleError),
        (40107, AuthorizationLostError),
        (40110, RateLimitedError),
        (40113, PlatformRejectedError),
        (40115, AuthorizationLostError),
        (40118, PlatformRejectedError),
        (40119, PlatformRejectedError),
        (40130, RateLimitedError),
        (50000, PlatformDownError),
    ],
)
def test_every_code_of_the_table_has_its_error(code: int, kind: type[HubError]) -> None:
    assert type(an_error(code)) is kind
    assert code in RULES


def test_an_unknown_code_stops() -> None:
    """Nothing is known about trying it again."""
    error = an_error(41999)

    assert type(error) is PlatformRejectedError
    assert error.code == "41999"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"x-ratelimit-retryin": "7"}, 7),
        ({"x-ratelimit-retryin": "7", "x-ratelimit-dimension": "developer_qpm"}, 7),
        ({"x-ratelimit-dimension": "developer_qpm"}, 300),
        ({"x-ratelimit-retryin": "0"}, 1),
        ({"x-ratelimit-retryin": "-5"}, 1),
        ({"x-ratelimit-retryin": "soon"}, 1),
        ({"x-ratelimit-retryin": "99999999"}, 600),
        ({}, 1),
    ],
)
def test_a_developer_limit_waits_as_long_as_it_is_told(
    headers: dict[str, str], wait_s: float
) -> None:
    error = an_error(40110, headers)

    assert isinstance(error, RateLimitedError)
    assert (error.dimension, error.retry_after_s) == ("developer", wait_s)


def test_a_customer_limit_delays_the_account() -> None:
    error = an_error(40130)

    assert isinstance(error, RateLimitedError)
    assert (error.dimension, error.retry_after_s) == ("customer", 60.0)


def test_a_busy_endpoint_backs_off_by_itself() -> None:
    error = an_error(40100)

    assert isinstance(error, RateLimitedError)
    assert error.retry_after_s is None


def test_what_is_only_likely_can_be_set_otherwise() -> None:
    assert type(an_error(40105, c40105="stop")) is PlatformRejectedError


def test_an_action_that_does_not_exist_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match=r"error_actions\.40105"):
        rule_of(40105, RULES, Action.STOP, {40105: "panic"})
