"""The escalation policy that `alerts:` of the settings declares, and what in it cannot work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from hub.alert_settings import AlertSettings, StepSettings
from hub.escalation.model import SEVERITIES, Duty, Policy, Quiet, Severity, Step
from hub.escalation.roster import ROLES
from hub.mapping.nearest import expected_one_of
from hub.settings import HubSettings

_FILLED_BY_ROLES = ("group", "owner", "manager")
_NEED_ADDRESS = ("wecom_app", "mail")


def policy_of(settings: HubSettings) -> Policy:
    """How alerts climb; severities that `escalation` leaves out climb as by default."""
    alerts = settings.alerts
    quiet = alerts.quiet
    return Policy(
        steps={
            severity: tuple(Step(one.to, timedelta(seconds=one.after_s)) for one in steps)
            for severity, steps in _escalation(alerts)
        },
        recipients=frozenset(alerts.recipients),
        roles=dict(alerts.roles),
        repeat=timedelta(seconds=alerts.repeat_s),
        settle=timedelta(seconds=alerts.settle_s),
        duty=tuple(Duty(one.who, one.days, one.start, one.end) for one in alerts.duty),
        quiet=Quiet(quiet.start, quiet.end, quiet.days_off) if quiet else None,
    )


def policy_problems(settings: HubSettings) -> list[str]:
    """One line for each thing in `alerts:` that cannot work: key path, what is wrong, the nearest name.

    Without channels and recipients alerts stay rows, and nothing is wrong. What is wrong with a role
    stops nobody: the group is told instead.
    """
    alerts = settings.alerts
    if not (alerts.channels or alerts.recipients):
        return []
    return [
        *_problems_of_recipients(alerts),
        *_problems_of_roles(alerts, [merchant.id for merchant in settings.merchants]),
        *_problems_of_duty(alerts),
        *_problems_of_steps(alerts),
        *_empty_roles(settings),
    ]


def _escalation(alerts: AlertSettings) -> Iterator[tuple[Severity, tuple[StepSettings, ...]]]:
    by_default = AlertSettings().escalation
    for severity in SEVERITIES:
        yield severity, alerts.escalation.get(severity, by_default[severity])


def _problems_of_recipients(alerts: AlertSettings) -> Iterator[str]:
    for name, recipient in alerts.recipients.items():
        path = f"alerts.recipients.{name}"
        if name in ROLES:
            yield f"{path}: {name} is a role; give the recipient another name"
        for number, way in enumerate(recipient.reach):
            channel = alerts.channels.get(way.via)
            if channel is None:
                wrong = _unknown(way.via, alerts.channels, "channels")
                yield f"{path}.reach.{number}.via: {wrong}"
            elif channel.kind in _NEED_ADDRESS and not way.to:
                yield f"{path}.reach.{number}.to: missing; {channel.kind} needs an address"


def _problems_of_roles(alerts: AlertSettings, merchants: list[str]) -> Iterator[str]:
    for key, recipient in alerts.roles.items():
        role, at, merchant = key.partition("@")
        path = f"alerts.roles.{key}"
        if role == "duty":
            yield f"{path}: who is on duty stands under alerts.duty"
        elif role not in _FILLED_BY_ROLES:
            yield f"{path}: role {expected_one_of(role, _FILLED_BY_ROLES)}"
        if at and merchant not in merchants:
            yield f"{path}: merchant {expected_one_of(merchant, merchants)}"
        if recipient not in alerts.recipients:
            yield f"{path}: {_unknown(recipient, alerts.recipients, 'recipients')}"


def _problems_of_duty(alerts: AlertSettings) -> Iterator[str]:
    for number, line in enumerate(alerts.duty):
        if line.who not in alerts.recipients:
            wrong = _unknown(line.who, alerts.recipients, "recipients")
            yield f"alerts.duty.{number}.who: {wrong}"
    quiet = alerts.quiet
    if quiet is not None and quiet.start == quiet.end and not quiet.days_off:
        yield "alerts.quiet: end equals start, so it is never quiet"


def _problems_of_steps(alerts: AlertSettings) -> Iterator[str]:
    for severity, steps in alerts.escalation.items():
        waited = 0
        for number, step in enumerate(steps):
            path = f"alerts.escalation.{severity}.{number}"
            if step.to not in ROLES and step.to not in alerts.recipients:
                yield f"{path}.to: {expected_one_of(step.to, [*ROLES, *alerts.recipients])}"
            if step.after_s < waited:
                yield f"{path}.after_s: {step.after_s} is less than {waited} of a step before it"
            waited = max(waited, step.after_s)


def _empty_roles(settings: HubSettings) -> Iterator[str]:
    """Roles that steps name and nobody has."""
    alerts = settings.alerts
    named = {step.to for _, steps in _escalation(alerts) for step in steps}
    for role in ROLES:
        if role in named and not _is_filled(role, settings):
            where = "duty" if role == "duty" else f"roles.{role}"
            told = "nobody is told" if role == "group" else "the group is told instead"
            yield f"alerts.{where}: escalation names {role}, which nobody has; {told}"


def _is_filled(role: str, settings: HubSettings) -> bool:
    alerts = settings.alerts
    if role == "duty":
        return bool(alerts.duty)
    if any(key.partition("@")[0] == role for key in alerts.roles):
        return True
    if role != "owner":
        return False
    owners = {source.owner for source in settings.all_sources().values()}
    return bool(alerts.duty) or not owners.isdisjoint(alerts.recipients)


def _unknown(name: str, known: Iterable[str], under: str) -> str:
    names = list(known)
    if not names:
        return f"{name!r} does not exist: there is nothing under alerts.{under}"
    return expected_one_of(name, names)
