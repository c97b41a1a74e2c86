"""Who a step of an escalation means: pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hub.escalation.hours import is_on_duty
from hub.escalation.model import Alert, Policy

ROLES = ("group", "owner", "manager", "duty")


def who(to: str, alert: Alert, at: datetime, policy: Policy) -> tuple[str, ...]:
    """The recipients that a step means at an instant; a role or name without one means the group.

    Empty if there is no group either.
    """
    for name in _candidates(to, alert, at, policy):
        if name in policy.recipients:
            return (name,)
    return ()


def _candidates(to: str, alert: Alert, at: datetime, policy: Policy) -> Iterator[str | None]:
    """Names in order of preference; not all of them are recipients."""
    if to == "owner":
        yield alert.owner
    if to in ("group", "owner", "manager"):
        yield from _of_role(to, alert, policy)
    elif to != "duty":
        yield to
    if to in ("owner", "duty"):
        yield next((line.who for line in policy.duty if is_on_duty(line, at)), None)
    yield from _of_role("group", alert, policy)


def _of_role(role: str, alert: Alert, policy: Policy) -> Iterator[str | None]:
    if alert.merchant is not None:
        yield policy.roles.get(f"{role}@{alert.merchant}")
    yield policy.roles.get(role)
