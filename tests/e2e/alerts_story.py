"""Fake platforms on this machine, settings that lead to them, and a notifier in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.channels.fakes import FakeDingTalk, FakeMail, FakeWecom
from tests.e2e.hub_processes import wait_until

LINK = re.compile(r"http://127\.0\.0\.1:\d+/alerts/(\d+)/[0-9a-f]{32}")
STEP_S = 2


@dataclass
class Outside:
    """The platforms: a group's bots of 企业微信 and 钉钉, an application of 企业微信, mail."""

    bot: FakeWecom = field(default_factory=lambda: FakeWecom("wecom_bot"))
    app: FakeWecom = field(default_factory=lambda: FakeWecom("wecom_app"))
    ding: FakeDingTalk = field(default_factory=FakeDingTalk)
    mail: FakeMail = field(default_factory=FakeMail)
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        for one in (self.bot, self.app, self.ding, self.mail):
            self._stack.enter_context(one)

    def close(self) -> None:
        self._stack.close()

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **self.bot.environment("HUB_TEST_BOT"),
            **self.app.environment("HUB_TEST_APP"),
            **self.ding.environment("HUB_TEST_DING"),
            **self.mail.environment("HUB_TEST_MAIL"),
        }

    def alerts(self) -> dict[str, Any]:
        """What stands under `alerts:`; a step every two seconds."""
        return {
            "channels": {
                "ops_bot": self.bot.settings("HUB_TEST_BOT"),
                "ops_ding": self.ding.settings("HUB_TEST_DING"),
                "people": self.app.settings("HUB_TEST_APP"),
                "post": self.mail.settings("HUB_TEST_MAIL"),
            },
            "recipients": {
                "ops": {"reach": [{"via": "ops_bot"}, {"via": "ops_ding"}]},
                "growth": {"reach": [{"via": "people", "to": "zhang_san"}]},
                "head": {"reach": [{"via": "post", "to": "head@example.com"}]},
            },
            "roles": {"group": "ops", "owner": "growth", "manager": "head"},
            "escalation": {
                "critical": [
                    {"to": "group"},
                    {"to": "owner", "after_s": STEP_S},
                    {"to": "manager", "after_s": 2 * STEP_S},
                ]
            },
        }

    def texts(self) -> dict[str, list[str]]:
        """What each channel took, as text."""
        return {
            "bot": [one["markdown"]["content"] for one in list(self.bot.messages)],
            "app": [one["text"]["content"] for one in list(self.app.messages)],
            "ding": [one["markdown"]["text"] for one in list(self.ding.messages)],
            "mail": [f"{one['subject']}\n{one['text']}" for one in list(self.mail.messages)],
        }

    def about(self, channel: str, alert: int) -> list[str]:
        """Calls on a channel whose link is that of an alert."""
        return [text for text in self.texts()[channel] if linked(text) == alert]


def linked(text: str) -> int | None:
    """The alert whose link stands in a text."""
    found = LINK.search(text)
    return int(found[1]) if found else None


def link_of(text: str) -> str:
    found = LINK.search(text)
    assert found, "no link"
    return found[0]


@dataclass
class Notifiers:
    """Processes of `hub notify`."""

    home: Path
    environment: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str = "one") -> None:
        log = (self.home / f"notify-{name}.log").open("ab")
        self.running[name] = subprocess.Popen(
            [sys.executable, "-m", "hub.cli.main", "notify"],
            env=dict(self.environment), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        log.close()

    def wait_running(self, name: str = "one") -> None:
        path = self.home / f"notify-{name}.log"
        wait_until(f"notifier {name}", lambda: "hub notify: running" in path.read_text("utf-8"))

    def kill(self, name: str = "one") -> None:
        """SIGKILL, and wait until it is gone."""
        process = self.running.pop(name)
        process.kill()
        process.wait(10)

    def end(self, name: str = "one") -> int:
        """SIGTERM; its exit status."""
        process = self.running.pop(name)
        process.terminate()
        return process.wait(20)

    def close(self) -> None:
        for name in list(self.running):
            self.kill(name)


def write_settings(path: Path, base: str, alerts: Mapping[str, Any], **more: Any) -> None:
    document = {**(yaml.safe_load(base) or {}), "alerts": dict(alerts), **more}
    path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")


def wait_for(
    what: str, find: Callable[[], Sequence[str]], seconds: float = 60.0
) -> tuple[str, float]:
    """The first text that `find` gives, and when it was there (Unix seconds)."""
    found: list[str] = []

    def is_there() -> bool:
        found[:] = find()
        return bool(found)

    wait_until(what, is_there, seconds=seconds)
    return found[0], time.time()


def said(figures: Mapping[str, float]) -> str:
    return json.dumps({name: round(value, 2) for name, value in figures.items()})
