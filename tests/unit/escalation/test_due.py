"""Who is told what, when: open, climbing, repeated, taken, over, silenced, opened again."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from hub.escalation.due import due_messages, next_look
from hub.escalation.model import Duty, Quiet, Silence, Step
from tests.unit.escalation.builders import (
    CLIMB,
    NIGHT,
    NOON,
    POLICY,
    Teller,
    a_policy,
    after,
    an_alert,
)

QUIET = a_policy(
    quiet=Quiet(NOON.time().replace(hour=22), NOON.time().replace(hour=8)),
    steps={"critical": CLIMB, "warning": CLIMB, "info": ()},
)


def test_the_alert_of_17_february_climbs_until_somebody_takes_it() -> None:
    """The e-mail that nobody read that night must not happen again."""
    teller = Teller()
    alert = an_alert(first_at=NIGHT)

    assert teller.tick(alert, NIGHT) == [("opened", "ops")]
    assert teller.tick(alert, after(4.9, NIGHT)) == []
    assert teller.tick(alert, after(5, NIGHT)) == [("climbed", "zhang_san")]
    assert teller.tick(alert, after(14.9, NIGHT)) == []
    assert teller.tick(alert, after(15, NIGHT)) == [("climbed", "boss")]
    assert teller.tick(alert, after(44.9, NIGHT)) == []
    assert teller.tick(alert, after(45, NIGHT)) == [("repeated", "boss")]
    assert teller.tick(alert, after(75, NIGHT)) == [("repeated", "boss")]

    taken = replace(alert, acknowledged_at=after(80, NIGHT), acknowledged_by="li_si")
    everybody = {"ops", "zhang_san", "boss"}
    assert set(teller.tick(taken, after(80, NIGHT))) == {("acknowledged", p) for p in everybody}
    assert teller.tick(taken, after(900, NIGHT)) == []
    assert next_look(taken, teller.told, POLICY, after(900, NIGHT)) is None

    over = replace(taken, closed_at=after(901, NIGHT))
    assert set(teller.tick(over, after(901, NIGHT))) == {("closed", p) for p in everybody}
    assert teller.tick(over, after(902, NIGHT)) == []


def test_the_next_look_is_when_the_next_step_is_due() -> None:
    teller = Teller()
    alert = an_alert()

    assert next_look(alert, teller.told, POLICY, NOON) == NOON
    for now, then in [(0, 5), (5, 15), (15, 45), (45, 75)]:
        teller.tick(alert, after(now))
        assert next_look(alert, teller.told, POLICY, after(now + 1)) == after(then)


def test_a_warning_is_told_once_and_climbs_nowhere() -> None:
    teller = Teller()
    alert = an_alert(severity="warning")

    assert teller.tick(alert, NOON) == [("opened", "ops")]
    assert teller.tick(alert, after(10_000)) == []
    assert next_look(alert, teller.told, POLICY, NOON) is None


def test_a_severity_without_steps_is_told_to_nobody() -> None:
    info = an_alert(severity="info")

    assert Teller().tick(info, NOON) == []
    assert next_look(info, [], POLICY, NOON) is None


def test_only_those_who_were_told_hear_that_somebody_took_it() -> None:
    teller = Teller()
    alert = an_alert()
    teller.tick(alert, NOON)

    assert teller.tick(replace(alert, acknowledged_at=after(1)), after(2)) == [
        ("acknowledged", "ops")
    ]


@pytest.mark.parametrize("ending", ["acknowledged_at", "closed_at"])
def test_what_ended_before_anybody_was_told_is_never_told(ending: str) -> None:
    assert Teller().tick(an_alert(**{ending: after(1)}), after(2)) == []


def test_what_was_taken_and_is_over_is_told_as_over() -> None:
    teller = Teller()
    teller.tick(an_alert(), NOON)
    over = an_alert(acknowledged_at=after(1), closed_at=after(2))

    assert teller.tick(over, after(3)) == [("closed", "ops")]


def test_what_worsens_is_told_anew_and_climbs_from_then() -> None:
    teller = Teller()
    mild = an_alert(severity="warning")
    teller.tick(mild, NOON)
    teller.tick(replace(mild, acknowledged_at=after(1)), after(1))
    worse = an_alert()  # whoever raises it higher takes the acknowledgement back

    assert teller.tick(worse, after(60)) == [("worsened", "ops")]
    assert teller.tick(worse, after(64)) == []
    assert teller.tick(worse, after(65)) == [("climbed", "zhang_san")]
    assert teller.tick(worse, after(75)) == [("climbed", "boss")]

    taken = replace(worse, acknowledged_at=after(76))
    assert len(teller.tick(taken, after(76))) == 3, "the second taking is news, too"


def test_what_worsens_before_anybody_was_told_opens_as_it_is() -> None:
    teller = Teller()
    teller.tick(an_alert(severity="info"), NOON)

    assert teller.tick(an_alert(severity="warning"), after(1)) == [("opened", "ops")]


def test_a_first_step_that_waits_does_not_delay_a_worsening() -> None:
    late = (Step("group", timedelta(minutes=2)), Step("boss", timedelta(minutes=9)))
    teller = Teller(a_policy(steps={"warning": CLIMB[:1], "critical": late}))
    teller.tick(an_alert(severity="warning"), NOON)

    assert teller.tick(an_alert(), after(30)) == [("worsened", "ops")]
    assert teller.tick(an_alert(), after(37)) == [("climbed", "boss")]


def test_a_notifier_that_was_down_tells_each_recipient_once() -> None:
    """Not all steps in a burst to one person, nobody left out."""
    teller = Teller(a_policy(roles={"group": "ops", "owner": "zhang_san", "manager": "ops"}))

    due = teller.due(an_alert(), after(200))

    assert [(str(one.event), one.step, one.recipient) for one in due] == [
        ("climbed", 2, "ops"),
        ("climbed", 1, "zhang_san"),
    ]
    assert teller.tick(an_alert(), after(201)) == []
    assert teller.tick(an_alert(), after(230)) == [("repeated", "ops")]


def test_missed_repeats_are_told_as_one() -> None:
    teller = Teller()
    teller.tick(an_alert(), after(15))

    assert teller.tick(an_alert(), after(600)) == [("repeated", "boss")]
    assert teller.tick(an_alert(), after(601)) == []


def test_steps_of_one_instant_tell_everybody_once() -> None:
    at_once = (
        Step("group", timedelta(0)),
        Step("owner", timedelta(0)),
        Step("boss", timedelta(0)),
    )
    teller = Teller(a_policy(steps={"critical": at_once}, roles={"group": "ops"}))

    assert teller.tick(an_alert(), NOON) == [("opened", "ops"), ("opened", "boss")]


def test_one_person_in_two_steps_is_told_at_each() -> None:
    teller = Teller(a_policy(roles={"group": "ops"}))

    assert teller.tick(an_alert(), NOON) == [("opened", "ops")]
    assert teller.tick(an_alert(), after(5)) == [("climbed", "ops")]
    assert teller.tick(an_alert(), after(15)) == [("climbed", "ops")]


def test_a_told_step_is_not_told_again_when_the_duty_changes() -> None:
    nine = NOON.replace(hour=9)
    duty = (Duty("night", end=nine.time()), Duty("zhang_san", start=nine.time()))
    teller = Teller(a_policy(steps={"critical": (Step("duty", timedelta(0)),)}, duty=duty))
    alert = an_alert(first_at=after(-1, nine))

    assert teller.tick(alert, after(-1, nine)) == [("opened", "night")]
    assert teller.tick(alert, nine) == []
    assert teller.tick(alert, after(29, nine)) == [("repeated", "zhang_san")]


def test_nobody_to_tell_is_looked_for_again() -> None:
    nobody = a_policy(recipients=frozenset())

    assert due_messages(an_alert(), [], nobody, [], NOON) == []
    assert next_look(an_alert(), [], nobody, NOON) == after(30)


def test_the_last_step_that_means_somebody_repeats() -> None:
    teller = Teller(
        a_policy(roles={}, steps={"critical": (Step("boss", timedelta(0)), *CLIMB[1:])})
    )

    assert teller.tick(an_alert(), NOON) == [("opened", "boss")]
    assert teller.tick(an_alert(), after(29)) == []
    assert teller.tick(an_alert(), after(30)) == [("repeated", "boss")]


def test_in_quiet_hours_only_what_is_critical_goes_out() -> None:
    late = NOON.replace(hour=23)
    morning = late.replace(hour=8) + timedelta(days=1)

    [critical] = Teller(QUIET).due(an_alert(first_at=late), late)
    [warning] = Teller(QUIET).due(an_alert(first_at=late, severity="warning"), late)

    assert critical.not_before == late
    assert warning.not_before == morning


def test_a_warning_of_the_night_climbs_from_the_morning_on() -> None:
    """Otherwise group and manager would hear of it in the same minute."""
    late = NOON.replace(hour=23)
    morning = late.replace(hour=8) + timedelta(days=1)
    teller = Teller(QUIET)
    alert = an_alert(first_at=late, severity="warning")

    assert teller.tick(alert, late) == [("opened", "ops")]
    assert teller.tick(alert, morning) == []
    assert teller.tick(alert, after(5, morning)) == [("climbed", "zhang_san")]
    assert teller.tick(alert, after(15, morning)) == [("climbed", "boss")]


def test_the_duty_of_a_message_that_waits_is_that_of_the_morning() -> None:
    late, eight = NOON.replace(hour=23), NOON.time().replace(hour=8)
    duty = (Duty("night", start=eight.replace(hour=20), end=eight), Duty("zhang_san"))
    policy = replace(QUIET, duty=duty, steps={"warning": (Step("duty", timedelta(0)),)})

    assert Teller(policy).tick(an_alert(first_at=late, severity="warning"), late) == [
        ("opened", "zhang_san")
    ]


def test_a_silenced_alert_is_told_from_the_first_step_when_the_silence_ends() -> None:
    teller = Teller()
    teller.silences = [Silence("drift:*", after(120))]
    alert = an_alert()

    assert teller.tick(alert, after(119)) == []
    assert next_look(alert, [], POLICY, after(1), teller.silences) == after(120)
    assert teller.tick(alert, after(120)) == [("opened", "ops")]
    assert teller.tick(alert, after(124)) == []
    assert teller.tick(alert, after(125)) == [("climbed", "zhang_san")]


def test_a_silence_in_the_middle_puts_the_next_step_off() -> None:
    teller = Teller()
    teller.tick(an_alert(), NOON)
    teller.silences = [Silence("drift:*", after(60))]

    assert teller.tick(an_alert(), after(30)) == []
    assert teller.tick(an_alert(), after(60)) == []
    assert teller.tick(an_alert(), after(65)) == [("climbed", "zhang_san")]


def test_the_end_of_a_told_alert_is_told_after_the_silence() -> None:
    teller = Teller()
    teller.tick(an_alert(), NOON)
    teller.silences = [Silence("*", after(60))]
    over = an_alert(closed_at=after(30))

    assert teller.tick(over, after(31)) == []
    assert teller.tick(over, after(60)) == [("closed", "ops")]


def test_what_opens_again_soon_is_told_when_it_stays() -> None:
    teller = Teller()
    again = an_alert(severity="warning", before=after(-1), told_before=after(-60))

    assert teller.tick(again, NOON) == []
    assert next_look(again, [], POLICY, NOON) == after(9)
    assert teller.tick(again, after(9)) == [("opened", "ops")]


def test_what_closed_long_ago_opens_at_once() -> None:
    again = an_alert(severity="warning", before=after(-11), told_before=after(-60))

    assert Teller().tick(again, NOON) == [("opened", "ops")]


def test_a_critical_alert_that_opens_again_is_told_at_once() -> None:
    """Unless the last opening was told within the settle period: then it flaps."""
    old = an_alert(before=after(-1), told_before=after(-60))
    flapping = an_alert(before=after(-1), told_before=after(-2))

    assert Teller().tick(old, NOON) == [("opened", "ops")]
    assert Teller().tick(flapping, NOON) == []
    assert Teller().tick(flapping, after(8)) == [("opened", "ops")]


@pytest.mark.parametrize("severity", ["warning", "critical"])
def test_flapping_opens_at_most_once_a_settle_period(severity: str) -> None:
    teller = Teller()
    openings, closed_at, told_at = [], None, None
    for number in range(120):  # a minute on, a minute off, for four hours
        on = after(2 * number)
        alert = an_alert(
            id=number, severity=severity, first_at=on, before=closed_at, told_before=told_at
        )
        if ("opened", "ops") in teller.tick(alert, on):
            openings.append(on)
            told_at = on
        over = replace(alert, closed_at=on + timedelta(minutes=1))
        if teller.tick(over, over.closed_at or on):
            closed_at = over.closed_at

    gaps = {later - earlier for earlier, later in itertools.pairwise(openings)}
    assert min(gaps) >= POLICY.settle
    assert len(openings) >= 20, "a thing that flaps for hours is not forgotten"


def test_a_clock_that_goes_back_tells_nothing_twice() -> None:
    teller = Teller()
    alert = an_alert()
    for minute in (0, 5, 15, 45):
        teller.tick(alert, after(minute))

    assert teller.tick(alert, after(20)) == []
    assert teller.tick(alert, after(44)) == []


def test_a_clock_that_was_hours_ahead_does_not_mute_what_climbs() -> None:
    teller = Teller()
    alert = an_alert(first_at=after(600))
    teller.tick(alert, after(600))

    assert teller.tick(alert, NOON) == [("climbed", "zhang_san"), ("climbed", "boss")]
    assert teller.tick(alert, after(1)) == []
    assert teller.tick(alert, after(30)) == [("repeated", "boss")]
    assert teller.tick(alert, after(31)) == []
    assert teller.tick(alert, after(60)) == [("repeated", "boss")]


def test_a_database_whose_clock_is_ahead_delays_nothing() -> None:
    assert Teller().tick(an_alert(first_at=after(0.5)), NOON) == [("opened", "ops")]


def test_messages_of_other_alerts_do_not_count() -> None:
    teller = Teller()
    teller.tick(an_alert(id=8), NOON)

    assert teller.tick(an_alert(), NOON) == [("opened", "ops")]
