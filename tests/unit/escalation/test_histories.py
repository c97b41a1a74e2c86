"""Whatever happens to an alert, and whenever somebody looks: nobody twice, nobody left out, an end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.escalation.due import due_messages, next_look
from hub.escalation.model import SEVERITIES, Alert, Due, Event, Policy, Quiet, Severity, Silence
from hub.escalation.silences import silenced_until
from tests.unit.escalation.builders import CLIMB, NOON, Teller, a_policy, an_alert

ENDINGS = {Event.ACKNOWLEDGED, Event.CLOSED}
POLICIES = [
    a_policy(),
    a_policy(steps=dict.fromkeys(SEVERITIES, CLIMB), roles={"group": "ops"}),
    a_policy(
        steps=dict.fromkeys(SEVERITIES, CLIMB), quiet=Quiet(time(22), time(8), days_off=True)
    ),
    a_policy(recipients=frozenset({"boss"})),
]
KINDS = ["raise", "acknowledge", "close", "silence", "unsilence", "tick", "tick", "set back"]
STEP = st.tuples(st.sampled_from(KINDS), st.sampled_from(SEVERITIES), st.integers(0, 90))
HISTORIES = st.lists(STEP, min_size=1, max_size=40).map(
    lambda steps: [("raise", steps[0][1], 0), *steps]
)


@dataclass
class Story:
    """One key's alerts and silences, as the store keeps them."""

    policy: Policy
    now: datetime = NOON
    latest: datetime = NOON
    alert: Alert | None = None
    silences: list[Silence] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.teller = Teller(self.policy)

    def happens(self, kind: str, severity: Severity, minutes: int) -> None:
        """One event after so many minutes; or the clock goes back by them."""
        self.now += timedelta(minutes=-minutes if kind == "set back" else minutes)
        self.latest = max(self.latest, self.now)
        if kind == "raise":
            self._raise(severity)
        elif kind == "silence":
            self.silences.append(Silence("drift:*", self.now + timedelta(minutes=minutes)))
        elif kind == "unsilence":
            self.silences = [replace(s, until=min(s.until, self.now)) for s in self.silences]
        elif self.alert is not None and not self.alert.closed_at:
            if kind == "acknowledge":
                self.alert = replace(self.alert, acknowledged_at=self.now)
            elif kind == "close":
                self.alert = replace(self.alert, closed_at=self.now)

    def tick(self) -> list[Due]:
        """Tell what is due, and see that no message is made twice."""
        if self.alert is None:
            return []
        self.teller.silences = self.silences
        due = self.teller.due(self.alert, self.now)
        made = [(t.alert, t.event, t.step, t.recipient, t.severity) for t in self.teller.told]
        assert len(made) == len(set(made))
        return due

    def _raise(self, severity: Severity) -> None:
        alert = self.alert
        if alert is None or alert.closed_at:
            self.alert = self._opened(severity)
        elif SEVERITIES.index(severity) > SEVERITIES.index(alert.severity):
            self.alert = replace(alert, severity=severity, acknowledged_at=None)

    def _opened(self, severity: Severity) -> Alert:
        last, now = self.alert, self.now
        told = [t.at for t in self.teller.told if t.event is Event.OPENED]
        return an_alert(
            id=last.id + 1 if last else 1,
            severity=severity,
            first_at=now,
            last_at=now,
            before=last.closed_at if last and told else None,
            told_before=max(told, default=None),
        )


@settings(max_examples=300)
@given(st.sampled_from(POLICIES), HISTORIES)
def test_every_tick_keeps_the_rules(
    policy: Policy, history: list[tuple[str, Severity, int]]
) -> None:
    story = Story(policy)
    for event in history:
        story.happens(*event)
        alert, now = story.alert, story.now
        if event[0] != "tick" or alert is None:
            continue
        known = {t.recipient for t in story.teller.told if t.alert == alert.id}
        due = story.tick()
        events = {one.event for one in due}

        assert all(one.not_before >= now for one in due)
        if silenced_until(alert, story.silences, now):
            assert not due
        if alert.closed_at:
            assert events <= {Event.CLOSED}
        elif alert.acknowledged_at:
            assert events <= {Event.ACKNOWLEDGED}
        else:
            assert not events & ENDINGS
        if events & ENDINGS:
            assert {one.recipient for one in due} <= known
        assert story.tick() == [], "a tick repeated tells nothing"


@settings(max_examples=300)
@given(st.sampled_from(POLICIES), HISTORIES, st.floats(0, 0.99))
def test_the_next_look_is_neither_late_nor_early(
    policy: Policy, history: list[tuple[str, Severity, int]], between: float
) -> None:
    story = Story(policy)
    for event in history:
        story.happens(*event)
        story.tick()
        if story.alert is not None:
            _look_ahead(story, story.alert, between)


def _look_ahead(story: Story, alert: Alert, between: float) -> None:
    """Nothing is due before the next look, and something is due at it."""
    policy, now, told = story.policy, story.now, story.teller.told
    look = next_look(alert, told, policy, now, story.silences)
    is_on = not alert.closed_at and not alert.acknowledged_at
    # Who is not there yet is looked for all the same; a clock that went back says an instant too early.
    is_sure = policy.roles["group"] in policy.recipients and story.latest <= now

    if alert.severity == "critical" and is_on:
        assert look is not None, "nobody has taken it: it goes on"
    wait = timedelta(days=30) if look is None else (look - now) * between
    assert due_messages(alert, told, policy, story.silences, now + wait) == []
    if look is not None and not silenced_until(alert, story.silences, now):
        assert look > now
        assert due_messages(alert, told, policy, story.silences, look) or not is_sure


@settings(max_examples=300)
@given(
    st.sampled_from(POLICIES),
    st.sampled_from(SEVERITIES),
    st.lists(st.integers(1, 120), max_size=12),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 90)), max_size=3),
)
def test_missed_ticks_change_nobody_who_is_told(
    policy: Policy, severity: Severity, waits: list[int], silenced: list[tuple[int, int]]
) -> None:
    alert = an_alert(severity=severity)
    silences = [
        Silence("*", NOON + timedelta(minutes=start + length)) for start, length in silenced
    ]
    rare, often = Teller(policy), Teller(policy)
    rare.silences = often.silences = silences
    end = sum(waits)

    for minute in range(end + 1):
        often.tick(alert, NOON + timedelta(minutes=minute))
    for passed in range(len(waits) + 1):
        rare.tick(alert, NOON + timedelta(minutes=sum(waits[:passed])))

    assert {one.recipient for one in rare.told} == {one.recipient for one in often.told}


@settings(max_examples=300)
@given(st.sampled_from(POLICIES[:3]), HISTORIES)
def test_who_was_told_of_it_is_told_of_its_end(
    policy: Policy, history: list[tuple[str, Severity, int]]
) -> None:
    story = Story(policy)
    for event in history:
        story.happens(*event)
        story.tick()
    alert = story.alert
    if alert is None:
        return
    story.silences = []
    story.now += timedelta(minutes=1)
    story.alert = replace(alert, closed_at=alert.closed_at or story.now)
    story.tick()

    told = [one for one in story.teller.told if one.alert == alert.id]
    assert {t.recipient for t in told} == {t.recipient for t in told if t.event is Event.CLOSED}
