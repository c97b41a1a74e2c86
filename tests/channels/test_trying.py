"""What is set up is looked at without a message, and proved by one."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from hub.alerts.reading import last_tries
from hub.cli import alerts_test
from hub.cli.output import CheckFailedError
from hub.database.engine import make_engine
from hub.errors import ConfigError
from hub.privacy.keyring import new_keys
from hub.settings import HubSettings
from hub.steps.alerting.check_channels import ChannelCheck, check_channels
from hub.steps.alerting.try_channels import Trial, try_channels
from tests.channels.fakes import FakeDingTalk, FakeMail, FakeWebhook, FakeWecom

NOW = datetime(2026, 2, 17, 12, 0, tzinfo=UTC)


def settings_of(
    channels: Mapping[str, Any],
    reach: Mapping[str, list[Any]] | None = None,
    language: str = "zh",
) -> HubSettings:
    """Settings with channels, and recipients reached over `(channel, address)`."""
    recipients = {
        name: {"reach": [{"via": via, "to": to} for via, to in ways]}
        for name, ways in (reach or {}).items()
    }
    alerts = {"channels": channels, "recipients": recipients, "language": language}
    return HubSettings.model_validate({"alerts": alerts})


def variables(*fakes: tuple[Any, str]) -> dict[str, str]:
    return {
        name: value for fake, key_env in fakes for name, value in fake.environment(key_env).items()
    }


def test_complete_settings_are_good_and_nothing_is_called() -> None:
    with FakeWecom("wecom_app") as app, FakeMail() as mail, FakeDingTalk() as ding:
        settings = settings_of(
            {"app": app.settings("HUB_APP"), "mail": mail.settings("HUB_MAIL"),
             "ding": ding.settings("HUB_DING")}
        )  # fmt: skip
        environment = variables((app, "HUB_APP"), (mail, "HUB_MAIL"), (ding, "HUB_DING"))
        found = check_channels(settings, environment, probe=False)

        assert [(check.channel, check.ok) for check in found] == [
            ("app", True),
            ("mail", True),
            ("ding", True),
        ]
        assert app.asked == ding.asked == []


def test_everything_that_is_missing_is_named_at_once() -> None:
    channels = {
        "app": {"kind": "wecom_app", "key_env": "HUB_APP", "api_base": "http://example.com"},
        "ding": {"kind": "dingtalk", "key_env": "HUB_DING", "secret_env": "HUB_SIGN"},
        "bot": {"kind": "wecom_bot", "key_env": "HUB_BOT"},
        "hook": {"kind": "webhook", "key_env": "HUB_HOOK", "secret_env": "HUB_HOOK_SECRET"},
        "twice": {"kind": "apprise", "key_env": "HUB_TWICE"},
        "post": {"kind": "mail", "key_env": "HUB_POST"},
    }
    environment = {
        "HUB_BOT": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6",
        "HUB_HOOK": "http://example.com/x",
        "HUB_HOOK_SECRET": "whsec_%%%",
        "HUB_TWICE": "wecombot://693a91f6-aaaa",
        "HUB_POST": "mailtos://",
    }
    settings = settings_of(channels, {"boss": [("app", "")]})

    found = check_channels(settings, environment, probe=True)

    seen = "\n".join(check.seen for check in found)
    for words in (
        "alerts.channels.app.corp_id",
        "alerts.channels.app.agent_id",
        "alerts.channels.app.api_base: must be https",
        "alerts.channels.app.key_env: set the environment variable HUB_APP",
        "alerts.recipients.boss.reach.0.to",
        "alerts.channels.ding.key_env: set the environment variable HUB_DING",
        "alerts.channels.ding.secret_env: set the environment variable HUB_SIGN",
        "HUB_BOT holds a whole address",
        "HUB_HOOK must hold an https address",
        "HUB_HOOK_SECRET does not hold base64",
        "HUB_TWICE holds a URL of wecombot://: use `kind: wecom_bot`",
        "HUB_POST holds a mail URL that cannot be read",
    ):
        assert words in seen
    assert not any(check.ok for check in found)
    assert "693a91f6" not in seen


def test_what_weakens_a_channel_is_said_without_refusing_it() -> None:
    channels = {
        "hook": {"kind": "webhook", "key_env": "HUB_HOOK"},
        "post": {"kind": "mail", "key_env": "HUB_POST"},
    }
    environment = {
        "HUB_HOOK": "https://example.com/x",
        "HUB_POST": "mailto://alerts:pw@smtp.example.com?from=alerts@example.com",
    }

    hook, post = check_channels(settings_of(channels), environment, probe=False)

    assert hook.ok
    assert "not signed" in hook.seen
    assert post.ok
    assert "unencrypted" in post.seen


def test_probing_finds_a_wrong_secret_and_a_wrong_password_without_a_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeWecom("wecom_app") as app, FakeMail() as mail, FakeWecom() as bot:
        channels = {
            "app": app.settings("HUB_APP"),
            "mail": mail.settings("HUB_MAIL"),
            "bot": bot.settings("HUB_BOT"),
        }
        good = variables((app, "HUB_APP"), (mail, "HUB_MAIL"), (bot, "HUB_BOT"))
        wrong = {
            **good,
            "HUB_APP": "another-secret",
            "HUB_MAIL": mail.url.replace("demo%20mail", "another"),
        }
        probed = check_channels(settings_of(channels), good, probe=True)
        refused = check_channels(settings_of(channels), wrong, probe=True)

        assert [check.ok for check in probed] == [True, True, True]
        assert probed[2] == ChannelCheck(
            "bot", True, "wecom_bot: cannot be asked without a message", "hub alerts test bot"
        )
        assert [check.ok for check in refused] == [False, False, True]
        assert "HUB_APP" in refused[0].seen
        assert "HUB_MAIL" in refused[1].seen
        assert app.messages == mail.messages == bot.messages == []
    ours = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    assert "another" not in " ".join([*ours, *(check.seen for check in refused)])


def test_a_mail_server_that_is_away_is_said() -> None:
    with FakeMail() as mail:
        environment = variables((mail, "HUB_MAIL"))
        settings = settings_of({"mail": mail.settings("HUB_MAIL", timeout_s=1)})
    (found,) = check_channels(settings, environment, probe=True)

    assert not found.ok
    assert "no answer" in found.seen


def test_a_test_says_that_it_is_one_and_one_failure_stops_no_other() -> None:
    with FakeDingTalk() as ding, FakeMail() as mail, FakeWebhook() as hook:
        channels = {
            "ding": ding.settings("HUB_DING"),
            "mail": mail.settings("HUB_MAIL"),
            "hook": hook.settings("HUB_HOOK"),
        }
        reach = {"ops": [("ding", ""), ("mail", "ops@example.com")], "boss": [("mail", "b@c.de")]}
        environment = variables((ding, "HUB_DING"), (mail, "HUB_MAIL"), (hook, "HUB_HOOK"))
        ding.fail_with("wrong_key")
        trials = try_channels(settings_of(channels, reach), environment, now=NOW)

    assert [(trial.channel, trial.recipient, trial.is_sent) for trial in trials] == [
        ("ding", "ops", False),
        ("mail", "ops", True),
        ("hook", "", True),
    ]
    assert "HUB_DING" in trials[0].words
    assert mail.messages[0]["subject"] == "🔵 测试消息，不是告警"
    assert "2026-02-17 20:00:00" in mail.messages[0]["text"]


def test_a_test_goes_to_everybody_or_to_one_address() -> None:
    with FakeMail() as mail:
        reach = {"ops": [("mail", "ops@example.com")], "boss": [("mail", "boss@example.com")]}
        settings = settings_of({"mail": mail.settings("HUB_MAIL")}, reach, language="en")
        environment = variables((mail, "HUB_MAIL"))
        everybody = try_channels(settings, environment, everybody=True, now=NOW)
        try_channels(settings, environment, ["mail"], to="x@example.com", now=NOW)

    assert [trial.recipient for trial in everybody] == ["ops", "boss"]
    assert [message["to"][0] for message in mail.messages] == [
        "ops@example.com",
        "boss@example.com",
        "x@example.com",
    ]
    assert mail.messages[0]["subject"] == "🔵 A test, not an alert"


def test_what_cannot_be_tried_says_why() -> None:
    mail = {"kind": "mail", "key_env": "HUB_MAIL"}
    settings = settings_of({"mail": mail})

    assert try_channels(settings, {}, now=NOW) == [
        Trial("mail", "", False, "alerts.recipients: nobody is reached over mail; give an address with --to")
    ]  # fmt: skip
    assert try_channels(settings, {}, to="a@b.cd", now=NOW)[0].words == (
        "alerts.channels.mail.key_env: set the environment variable HUB_MAIL"
    )
    with pytest.raises(ConfigError, match="did you mean mail"):
        try_channels(settings, {}, ["mial"], now=NOW)
    with pytest.raises(ConfigError, match="no channel"):
        try_channels(HubSettings(), {}, now=NOW)


@pytest.mark.postgres
def test_the_command_prints_each_channel_and_fails_if_one_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    alerts_test.register(app)
    with FakeWecom() as good, FakeWecom() as bad:
        bad.fail_with("wrong_key")
        channels = {"good": good.settings("HUB_GOOD"), "bad": bad.settings("HUB_BAD")}
        config = tmp_path / "hub.yaml"
        config.write_text(
            yaml.safe_dump({"alerts": {"channels": channels}}, sort_keys=False), "utf-8"
        )
        monkeypatch.setenv("HUB_CONFIG", str(config))
        monkeypatch.setenv("HUB_DATABASE_URL", database_url)
        monkeypatch.setenv("HUB_KEYS", json.dumps(new_keys()))
        for name, value in variables((good, "HUB_GOOD"), (bad, "HUB_BAD")).items():
            monkeypatch.setenv(name, value)
        one = CliRunner().invoke(app, ["test", "good"])
        both = CliRunner().invoke(app, ["test", "--json"])
        monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        away = CliRunner().invoke(app, ["test", "good"])
    engine = make_engine(database_url)
    with engine.begin() as conn:
        kept = {row["channel"]: row["failure"] for row in last_tries(conn)}
    engine.dispose()

    assert kept == {"good": None, "bad": "credentials"}
    assert away.exit_code == 0
    assert "not written down" in away.stderr
    assert one.exit_code == 0
    assert [row["sent"] for row in json.loads(both.stdout)] == [True, False]
    assert isinstance(both.exception, CheckFailedError)
    assert FakeWecom.key not in one.output + both.output
