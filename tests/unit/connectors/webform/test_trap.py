"""Bot traps: what counts as suspect, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.connectors.webform.trap import TrapPolicy, start_token, suspicions

SHOWN = datetime.fromtimestamp(1763784000, UTC)
SIGNATURE = "d602a70a38c62f93cc9f81476022b8da9a5a54e9a789fc0302aca4a289562bcb"


def a_policy(**changed: Any) -> TrapPolicy:
    given: dict[str, Any] = {
        "form_id": "contact-form",
        "secrets": (b"form_secret_demo",),
        "min_fill_s": 3.0,
        "max_age_s": 86_400,
    }
    return TrapPolicy(**(given | changed))


def a_trap(**changed: Any) -> dict[str, Any]:
    return {"website_url": "", "t": "contact-form|1763784000", "sig": SIGNATURE} | changed


def test_the_start_token_is_the_computed_vector() -> None:
    assert start_token(a_policy(), SHOWN) == ("contact-form|1763784000", SIGNATURE)


def test_a_person_who_took_ten_seconds_is_not_suspect() -> None:
    assert suspicions(a_trap(), a_policy(), SHOWN + timedelta(seconds=10)) == ()


@pytest.mark.parametrize(
    ("trap", "after_s", "signals"),
    [
        (a_trap(website_url="http://x"), 10, ("honeypot",)),
        (a_trap(), 1, ("too_fast",)),
        (a_trap(), -60, ("too_fast",)),
        (a_trap(website_url="x"), 1, ("honeypot", "too_fast")),
        (a_trap(), 86_401, ("token_old",)),
        (a_trap(sig="0" * 64), 10, ("token_forged",)),
        (a_trap(sig="签名"), 10, ("token_forged",)),
        (a_trap(sig=7), 10, ("token_forged",)),
        (a_trap(t="contact-form|1763783000"), 10, ("token_forged",)),
        (a_trap(t=None), 10, ("token_forged",)),
        ({}, 10, ("token_missing",)),
        ({"t": None, "sig": ""}, 10, ("token_missing",)),
    ],
)
def test_each_sign_of_a_bot_is_named(
    trap: dict[str, Any], after_s: float, signals: tuple[str, ...]
) -> None:
    assert suspicions(trap, a_policy(), SHOWN + timedelta(seconds=after_s)) == signals


def test_a_token_of_another_form_is_forged() -> None:
    text, signature = start_token(a_policy(form_id="other"), SHOWN)

    found = suspicions(a_trap(t=text, sig=signature), a_policy(), SHOWN + timedelta(seconds=10))

    assert found == ("token_forged",)


def test_a_secret_that_is_being_rotated_out_still_counts() -> None:
    policy = a_policy(secrets=(b"new secret", b"form_secret_demo"))

    assert suspicions(a_trap(), policy, SHOWN + timedelta(seconds=10)) == ()
    assert start_token(policy, SHOWN)[1] != SIGNATURE


def test_a_form_without_hub_js_may_do_without_a_token_but_not_with_a_forged_one() -> None:
    policy = a_policy(require_token=False)
    now = SHOWN + timedelta(seconds=10)

    assert suspicions({"website_url": ""}, policy, now) == ()
    assert suspicions(a_trap(sig="no"), policy, now) == ("token_forged",)
