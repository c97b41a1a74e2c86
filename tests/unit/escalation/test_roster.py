"""A step names a role; the roster says who that is, and never nobody while there is a group."""

from __future__ import annotations

from datetime import time

import pytest

from hub.escalation.model import Duty
from hub.escalation.roster import ROLES, who
from tests.unit.escalation.builders import NIGHT, NOON, POLICY, a_policy, an_alert

DUTY = (Duty("zhang_san", "workdays", time(9), time(18)), Duty("night"))


@pytest.mark.parametrize(
    ("role", "person"), [("group", "ops"), ("owner", "zhang_san"), ("manager", "boss")]
)
def test_a_role_is_its_recipient(role: str, person: str) -> None:
    assert who(role, an_alert(), NOON, POLICY) == (person,)


def test_a_merchant_may_have_its_own_people() -> None:
    policy = a_policy(roles={**POLICY.roles, "group@clinic": "clinic_ops"})

    assert who("group", an_alert(merchant="clinic"), NOON, policy) == ("clinic_ops",)
    assert who("group", an_alert(merchant="other"), NOON, policy) == ("ops",)
    assert who("manager", an_alert(merchant="clinic"), NOON, policy) == ("boss",)


def test_the_owner_of_an_alert_comes_before_the_role() -> None:
    assert who("owner", an_alert(owner="night"), NOON, POLICY) == ("night",)
    assert who("owner", an_alert(owner="growth"), NOON, POLICY) == ("zhang_san",)


def test_without_an_owner_the_duty_is_told_then_the_group() -> None:
    roles = {"group": "ops"}

    assert who("owner", an_alert(), NOON, a_policy(roles=roles, duty=DUTY)) == ("zhang_san",)
    assert who("owner", an_alert(), NOON, a_policy(roles=roles)) == ("ops",)


def test_the_first_line_of_duty_that_fits_counts() -> None:
    policy = a_policy(duty=DUTY)

    assert who("duty", an_alert(), NOON, policy) == ("zhang_san",)
    assert who("duty", an_alert(), NIGHT, policy) == ("night",)
    assert who("duty", an_alert(), NIGHT, a_policy(duty=DUTY[:1])) == ("ops",)


@pytest.mark.parametrize("to", [*ROLES, "nobody_of_that_name"])
def test_what_nobody_fills_falls_to_the_group(to: str) -> None:
    assert who(to, an_alert(), NOON, a_policy(roles={"group": "ops"})) == ("ops",)
    assert who(to, an_alert(), NOON, a_policy(roles={"group": "not_there"})) == ()


def test_a_recipient_may_be_named() -> None:
    assert who("boss", an_alert(), NOON, a_policy(roles={})) == ("boss",)
