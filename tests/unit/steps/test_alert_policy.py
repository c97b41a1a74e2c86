"""What `alerts:` declares becomes a policy; what in it cannot work is said with place and nearest name."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from textwrap import dedent, indent

import pytest
import yaml

from hub.alert_settings import AlertSettings
from hub.errors import ConfigError
from hub.escalation.model import Duty, Quiet, Step
from hub.settings import HubSettings, load_settings
from hub.steps.alerting.policy import policy_of, policy_problems
from hub.steps.check_settings import require_sound, settings_problems

SOUND = """
merchants: [{id: default}, {id: clinic}]
alerts:
  channels:
    ops_bot: {kind: wecom_bot, key_env: HUB_OPS_BOT_KEY}
    app: {kind: wecom_app, key_env: HUB_APP_SECRET, corp_id: ww1, agent_id: 1000002}
  recipients:
    ops: {reach: [{via: ops_bot}]}
    zhang_san: {reach: [{via: app, to: zhang_san}, {via: ops_bot}]}
  roles: {group: ops, owner: zhang_san, manager: zhang_san, group@clinic: ops}
"""


def settings_of(tmp_path: Path, *changes: tuple[str, str], more: str = "") -> HubSettings:
    text = SOUND + indent(dedent(more), "  ")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "hub.yaml"
    path.write_text(text, "utf-8")
    return load_settings(path)


def problem_of(tmp_path: Path, *changes: tuple[str, str], more: str = "") -> str:
    [problem] = policy_problems(settings_of(tmp_path, *changes, more=more))
    return problem


def test_sound_settings_have_no_problem(tmp_path: Path) -> None:
    assert policy_problems(settings_of(tmp_path)) == []
    assert policy_problems(HubSettings()) == []


def test_a_severity_that_is_left_out_keeps_its_steps(tmp_path: Path) -> None:
    """Who changes how critical alerts climb does not mute the warnings."""
    more = "escalation: {critical: [{to: ops}, {to: zhang_san, after_s: 60}], info: []}"

    steps = policy_of(settings_of(tmp_path, more=more)).steps

    assert steps["critical"] == (
        Step("ops", timedelta(0)),
        Step("zhang_san", timedelta(seconds=60)),
    )
    assert steps["warning"] == (Step("group", timedelta(0)),)
    assert steps["info"] == ()


def test_hours_are_read_with_and_without_quotes(tmp_path: Path) -> None:
    """YAML takes 22:30 for a number to the base of 60; it would be 00:22."""
    more = """\
    quiet: {start: 22:30, end: 08:00, days_off: true}
    duty: [{who: ops, days: workdays, start: "20:00", end: 9:05}]
    """

    policy = policy_of(settings_of(tmp_path, more=more))

    assert policy.quiet == Quiet(time(22, 30), time(8), days_off=True)
    assert policy.duty == (Duty("ops", "workdays", time(20), time(9, 5)),)


@pytest.mark.parametrize("hour", ["24:00", "22", "true", "22:00:00", '"22:00+01:00"', '"25:00"'])
def test_an_hour_that_is_none_is_refused(tmp_path: Path, hour: str) -> None:
    with pytest.raises(ConfigError, match=r"alerts\.quiet\.start"):
        settings_of(tmp_path, more=f"quiet: {{start: {hour}, end: '08:00'}}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("via: ops_bot", "via: ops_bt", "recipients.ops.reach.0.via: 'ops_bt' is none of"),
        ("via: ops_bot", "via: ops_bt", "did you mean ops_bot?"),
        (", to: zhang_san", "", "recipients.zhang_san.reach.0.to: missing; wecom_app needs"),
        ("{group: ops", "{group: opz", "roles.group: 'opz' is none of ops, zhang_san; did you"),
        ("roles: {", "roles: {mangaer: ops, ", "roles.mangaer: role 'mangaer' is none of"),
        ("roles: {", "roles: {duty: ops, ", "roles.duty: who is on duty stands under alerts.duty"),
        ("group@clinic", "group@clinik", "roles.group@clinik: merchant 'clinik' is none of"),
        ("manager: zhang_san, ", "", "roles.manager: escalation names manager, which nobody has"),
        ("owner: zhang_san, ", "", "roles.owner: escalation names owner, which nobody has"),
        ("    ops: {", "    duty: {reach: [{via: ops_bot}]}\n    ops: {", "duty is a role"),
    ],
)
def test_what_cannot_work_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    problem = problem_of(tmp_path, (old, new))

    assert problem.startswith("alerts.")
    assert said in problem


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("duty: [{who: zhangsan}]", "duty.0.who: 'zhangsan' is none of ops, zhang_san; did you"),
        ("quiet: {start: '08:00', end: '08:00'}", "quiet: end equals start"),
        ("escalation: {warning: [{to: ownr}]}", "escalation.warning.0.to: 'ownr' is none of"),
        (
            "escalation: {critical: [{to: group, after_s: 60}, {to: owner, after_s: 30}]}",
            "escalation.critical.1.after_s: 30 is less than 60",
        ),
        ("escalation: {info: [{to: duty}]}", "duty: escalation names duty, which nobody has"),
    ],
)
def test_what_cannot_work_beside_the_roles_is_said(tmp_path: Path, more: str, said: str) -> None:
    assert said in problem_of(tmp_path, more=more)


def test_an_owner_is_also_the_owner_of_a_source_or_who_is_on_duty(tmp_path: Path) -> None:
    without = ("owner: zhang_san, ", "")
    source = ("alerts:", "sources: {site: {platform: webform, owner: zhang_san}}\nalerts:")

    assert policy_problems(settings_of(tmp_path, without, source)) == []
    assert policy_problems(settings_of(tmp_path, without, more="duty: [{who: ops}]")) == []


def test_nobody_at_all_is_said() -> None:
    settings = HubSettings.model_validate(
        {"alerts": {"channels": {"bot": {"kind": "wecom_bot", "key_env": "HUB_OPS_BOT_KEY"}}}}
    )

    problems = policy_problems(settings)

    assert (
        "alerts.roles.group: escalation names group, which nobody has; nobody is told" in problems
    )


def test_recipients_without_any_channel_are_said() -> None:
    settings = HubSettings.model_validate(
        {"alerts": {"recipients": {"ops": {"reach": [{"via": "bot"}]}}}}
    )

    assert "there is nothing under alerts.channels" in policy_problems(settings)[0]


def test_file_and_line_are_named_and_leads_do_not_wait_for_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, (", to: zhang_san", ""))
    line = SOUND.splitlines().index(
        "    zhang_san: {reach: [{via: app, to: zhang_san}, {via: ops_bot}]}"
    )

    [problem] = settings_problems(settings, tmp_path / "hub.yaml")

    assert problem.startswith(f"{tmp_path / 'hub.yaml'}:{line + 1}: alerts.recipients.zhang_san.")
    require_sound(settings)


def test_the_example_in_the_documents_is_sound_and_shows_the_defaults() -> None:
    written = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text("utf-8")
    example = written.partition("## Alerts")[2].partition("```yaml")[2].partition("```")[0]
    settings = HubSettings.model_validate(yaml.safe_load(example))
    given, by_default = settings.alerts, AlertSettings()

    assert policy_problems(settings) == []
    for field in ("language", "escalation", "repeat_s", "settle_s"):
        assert getattr(given, field) == getattr(by_default, field)
