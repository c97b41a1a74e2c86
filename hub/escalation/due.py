"""Which messages an alert needs by now, and when to look again: pure.

An open alert climbs the rungs of its severity. A rung is due its `after` since the alert opened, or
since it worsened, or since a silence let go of it; in quiet hours the waits of what is not critical
begin when quiet ends. Rungs that are overdue together are told in one go, each recipient once, with
the highest rung that means him. Told rungs are never told again, whoever they mean by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from hub.escalation.hours import quiet_ends
from hub.escalation.model import SEVERITIES, Alert, Due, Event, Policy, Silence, Step, Told
from hub.escalation.roster import who
from hub.escalation.silences import let_go_at, silenced_until

_LONG = timedelta(days=7)
_RUNG_EVENTS = (Event.OPENED, Event.WORSENED, Event.CLIMBED)


@dataclass(frozen=True, slots=True)
class _Rung:
    """The steps of one instant: number, instant, and the recipients that they mean now."""

    step: int
    at: datetime
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Climb:
    """One alert at one instant, with what was told of it in its present severity."""

    alert: Alert
    told: Sequence[Told]
    climbed: Sequence[Told]  # of these, rungs and repeats of the present severity
    policy: Policy
    silences: Sequence[Silence]
    now: datetime

    @property
    def has_worsened(self) -> bool:
        """Whether people were told of a milder alert."""
        rank = SEVERITIES.index(self.alert.severity)
        return any(SEVERITIES.index(one.severity) < rank for one in self.told)

    @property
    def last_step(self) -> int:
        """The highest rung told, -1 before the first."""
        rungs = (one.step for one in self.climbed if one.event in _RUNG_EVENTS)
        return max(rungs, default=-1)

    @property
    def goes_out_at(self) -> datetime:
        """When what has to be told now may go out."""
        return self.rest(self.now)

    def rest(self, at: datetime) -> datetime:
        """The first instant from `at` on at which such an alert may go out."""
        return at if self.alert.severity == "critical" else quiet_ends(at, self.policy.quiet)

    def happened(self, at: datetime) -> datetime:
        """A recorded instant as this clock can have seen it.

        A little ahead means another clock, or one set back: it is now. Far ahead means a clock that
        was wrong: what hangs on it is overdue, not put off for as long.
        """
        if at <= self.now:
            return at
        return self.now if at <= self.now + self.policy.repeat else self.now - _LONG


def due_messages(
    alert: Alert, told: Sequence[Told], policy: Policy, silences: Sequence[Silence], now: datetime
) -> list[Due]:
    """Every message that must exist by `now` and is not among `told`; none while it is silenced.

    `told` are all messages of the alert, sent or not; `silences` those in force and those that
    ended since the alert opened. Raises nothing.
    """
    if silenced_until(alert, silences, now) is not None:
        return []
    climb = _climb(alert, told, policy, silences, now)
    if alert.closed_at is not None:
        return _news(climb, Event.CLOSED)
    if alert.acknowledged_at is not None:
        return _news(climb, Event.ACKNOWLEDGED)
    return _rungs_due(climb) or _repeat_due(climb)


def next_look(
    alert: Alert,
    told: Sequence[Told],
    policy: Policy,
    now: datetime,
    silences: Sequence[Silence] = (),
) -> datetime | None:
    """The earliest instant from `now` on at which `due_messages` may give something if nothing changes.

    None if time alone brings nothing any more.
    """
    until = silenced_until(alert, silences, now)
    if until is not None:
        return until
    if due_messages(alert, told, policy, silences, now):
        return now
    if alert.closed_at is not None or alert.acknowledged_at is not None:
        return None
    climb = _climb(alert, told, policy, silences, now)
    rungs = [rung for rung in _rungs(climb) if rung.step > climb.last_step]
    looks = [rung.at for rung in rungs if rung.people]
    if len(looks) < len(rungs):
        looks.append(now + policy.repeat)  # somebody may be on duty by then
    repeat = _repeat_at(climb)
    return min([*looks, repeat] if repeat else looks, default=None)


def _climb(
    alert: Alert, told: Sequence[Told], policy: Policy, silences: Sequence[Silence], now: datetime
) -> _Climb:
    own = [one for one in told if one.alert == alert.id]
    climbed = [
        one
        for one in own
        if one.severity == alert.severity
        and (one.event in _RUNG_EVENTS or one.event is Event.REPEATED)
    ]
    return _Climb(alert, own, climbed, policy, silences, now)


def _news(climb: _Climb, event: Event) -> list[Due]:
    """Tell all who were told anything, once."""
    known = {
        one.recipient
        for one in climb.told
        if one.event is event and (event is Event.CLOSED or one.severity == climb.alert.severity)
    }
    people = dict.fromkeys(one.recipient for one in climb.told if one.recipient not in known)
    return [_due(climb, event, 0, person) for person in people]


def _rungs_due(climb: _Climb) -> list[Due]:
    last = climb.last_step
    rungs = [r for r in _rungs(climb) if r.step > last and r.at <= climb.now and r.people]
    highest = {person: rung.step for rung in rungs for person in rung.people}
    return [_due(climb, _event(climb, step), step, person) for person, step in highest.items()]


def _event(climb: _Climb, step: int) -> Event:
    if step > 0:
        return Event.CLIMBED
    return Event.WORSENED if climb.has_worsened else Event.OPENED


def _rungs(climb: _Climb) -> list[_Rung]:
    """All rungs of the alert's severity with their instants, the lowest first."""
    steps = sorted(climb.policy.steps.get(climb.alert.severity, ()), key=_after)
    at, waited = _start(climb), timedelta(0)
    if climb.has_worsened and steps:
        waited = steps[0].after  # it was told of before: the first rung waits no more
    rungs: list[_Rung] = []
    for number, (after, of_rung) in enumerate(groupby(steps, key=_after)):
        at = (climb.rest(at) if rungs else at) + (after - waited)
        waited = after
        rungs.append(_Rung(number, at, _people(climb, tuple(of_rung))))
    return rungs


def _after(step: Step) -> timedelta:
    return step.after


def _people(climb: _Climb, steps: Sequence[Step]) -> tuple[str, ...]:
    """Whom steps mean at the instant when the message may go out, everybody once."""
    at = climb.goes_out_at
    found = (name for step in steps for name in who(step.to, climb.alert, at, climb.policy))
    return tuple(dict.fromkeys(found))


def _start(climb: _Climb) -> datetime:
    """When the climb of the present severity began."""
    starts = []
    if climb.has_worsened:
        first = min((one.at for one in climb.climbed), default=climb.now)
        starts.append(climb.happened(first))
    else:
        starts.append(climb.happened(climb.alert.first_at))
        starts += _settled(climb)
    let_go = let_go_at(climb.alert, climb.silences, climb.now)
    if let_go is not None:
        starts.append(let_go)
    return max(starts)


def _settled(climb: _Climb) -> list[datetime]:
    """When an alert that opened again may be told: not more than one opening a settle period.

    A critical one is put off only if somebody was told within that time that the last one had
    opened; the others also if it closed within that time.
    """
    is_critical = climb.alert.severity == "critical"
    earlier = climb.alert.told_before if is_critical else climb.alert.before
    return [climb.happened(earlier) + climb.policy.settle] if earlier is not None else []


def _repeat_due(climb: _Climb) -> list[Due]:
    at = _repeat_at(climb)
    if at is None or at > climb.now:
        return []
    number = 1 + max((o.step for o in climb.climbed if o.event is Event.REPEATED), default=0)
    people = next((rung.people for rung in reversed(_rungs(climb)) if rung.people), ())
    return [_due(climb, Event.REPEATED, number, person) for person in people]


def _repeat_at(climb: _Climb) -> datetime | None:
    """When the last rung is due again; None before it was told, and for what is not critical."""
    steps = [rung.step for rung in _rungs(climb) if rung.people]
    if climb.alert.severity != "critical" or not steps or climb.last_step < steps[-1]:
        return None
    # By number, not by time: the clock may have gone back between two of them.
    last = max(climb.climbed, key=lambda one: (one.event is Event.REPEATED, one.step))
    return climb.happened(last.at) + climb.policy.repeat


def _due(climb: _Climb, event: Event, step: int, person: str) -> Due:
    alert = climb.alert
    return Due(alert.id, event, step, person, alert.severity, climb.goes_out_at)
