"""What every channel does, whatever its kind: sends, says why not, and shows no secret."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from hub.alert_settings import ChannelSettings
from hub.channels.base import Channel, ChannelError, Failure, Outgoing
from hub.channels.open import channel_problems, open_channel
from hub.errors import ConfigError
from tests.channels.fakes import FakeDingTalk, FakeFeishu, FakeMail, FakeWebhook, FakeWecom

MESSAGE = Outgoing(
    title="渠道静默：fair-list",
    lines=("37 条记录被扣留", "hub held list --source fair-list"),
    severity="critical",
    link="https://hub.example.com/alerts/7?token=abc",
    link_text="我来处理",
    facts={"message_id": 7, "kind": "silence"},
)
NEVER = "never@example.com"


@dataclass
class Case:
    """A channel's fake, and where it is told otherwise than the others."""

    fake: Callable[[], Any]
    to: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    shown: Callable[[Any], str] = str
    url: Callable[[Any], str] | None = None  # what the environment holds, if the fake does not say


def _card(message: Any) -> str:
    return " ".join(
        [
            message["card"]["header"]["title"]["content"],
            message["card"]["elements"][0]["text"]["content"],
            message["card"]["elements"][-1]["actions"][0]["url"],
            message["card"]["elements"][-1]["actions"][0]["text"]["content"],
        ]
    )


CASES = {
    "wecom_bot": Case(FakeWecom, shown=lambda m: m["markdown"]["content"]),
    "wecom_app": Case(
        lambda: FakeWecom("wecom_app"), to="zhang_san", shown=lambda m: m["text"]["content"]
    ),
    "dingtalk": Case(FakeDingTalk, shown=lambda m: m["markdown"]["text"]),
    "feishu": Case(FakeFeishu, shown=_card),
    "webhook": Case(
        FakeWebhook, shown=lambda m: " ".join((m["title"], m["text"], m["link"], m["severity"]))
    ),
    "mail": Case(FakeMail, to="ops@example.com", shown=lambda m: f"{m['subject']} {m['text']}"),
    "apprise": Case(
        lambda: FakeWebhook(signed=False),
        settings={"kind": "apprise"},
        shown=lambda m: f"{m['title']} {m['message']}",
        url=lambda fake: fake.hook.replace("http://", "json://"),
    ),
}
HTTP = [kind for kind in CASES if kind != "mail"]


@dataclass
class Open:
    """A channel that is open, its fake, and every secret that must not be seen."""

    case: Case
    fake: Any
    channel: Channel
    secrets: tuple[str, ...]

    def send(self, message: Outgoing = MESSAGE) -> str:
        """Send, and read what arrived as its reader does."""
        self.channel.send(message, self.case.to)
        return self.case.shown(self.fake.messages[-1])

    def fail(self) -> ChannelError:
        with pytest.raises(ChannelError) as caught:
            self.channel.send(MESSAGE, self.case.to)
        return caught.value


def opened(kind: str, stack: ExitStack, **more: Any) -> Open:
    case = CASES[kind]
    fake = stack.enter_context(case.fake())
    settings = {"timeout_s": 5, **fake.settings(), **case.settings, **more}
    environment = dict(fake.environment())
    if case.url:
        environment["HUB_FAKE_KEY"] = case.url(fake)
    channel = open_channel("ops_bot", ChannelSettings(**settings), environment)
    stack.callback(channel.close)
    password = getattr(fake, "password", "")
    hook = "demo-secret-path" if isinstance(fake, FakeWebhook) else ""
    secrets = (*environment.values(), password, hook, case.to, "demo-token")
    return Open(case, fake, channel, tuple(filter(None, secrets)))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.mark.parametrize("kind", CASES)
def test_a_message_arrives_whole(kind: str, stack: ExitStack) -> None:
    arrived = opened(kind, stack).send()

    for words in ("渠道静默：fair-list", "37 条记录被扣留", "hub held list --source fair-list"):
        assert words in arrived
    assert "https://hub.example.com/alerts/7?token=abc" in arrived
    assert "🔴" in arrived or "critical" in arrived


@pytest.mark.parametrize("kind", CASES)
def test_two_messages_in_a_row_do_not_wait_for_each_other(kind: str, stack: ExitStack) -> None:
    """The notifying library would rest five seconds between two of one object."""
    channel = opened(kind, stack)

    channel.send()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", _never)
        channel.send()

    assert len(channel.fake.messages) == 2


def _never(seconds: float) -> None:
    raise AssertionError(f"rests {seconds} s")


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("severity", ["info", "warning", "critical", "unheard-of"])
def test_every_severity_can_be_sent_and_seen(kind: str, severity: str, stack: ExitStack) -> None:
    arrived = opened(kind, stack).send(Outgoing("t", ("x",), severity, link="https://a.b/c"))

    mark = {"warning": "🟠", "critical": "🔴"}.get(severity, "🔵")
    assert (mark if kind != "webhook" else severity) in arrived


@pytest.mark.parametrize("kind", CASES)
def test_a_wrong_credential_is_said_with_what_to_mend(kind: str, stack: ExitStack) -> None:
    channel = opened(kind, stack)
    channel.fake.fail_with("wrong_key")

    error = channel.fail()

    assert error.failure is Failure.CREDENTIALS
    assert str(error).startswith("alerts.channels.ops_bot: ")
    assert "HUB_FAKE_KEY" in str(error)
    assert channel.fake.messages == []


@pytest.mark.parametrize("kind", CASES)
def test_too_many_messages_are_said_as_such(kind: str, stack: ExitStack) -> None:
    channel = opened(kind, stack)
    channel.fake.fail_with("limited")

    error = channel.fail()

    assert error.failure is Failure.LIMITED
    assert error.retry_after_s is not None
    assert error.retry_after_s >= 60


@pytest.mark.parametrize("kind", CASES)
def test_a_server_out_of_order_is_away(kind: str, stack: ExitStack) -> None:
    channel = opened(kind, stack)
    channel.fake.fail_with("away", times=1)

    assert channel.fail().failure is Failure.AWAY

    channel.send()


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("fault", ["hang", "drop"])
def test_no_answer_is_away(kind: str, fault: str, stack: ExitStack) -> None:
    channel = opened(kind, stack, timeout_s=0.3)
    channel.fake.fail_with(fault)

    assert channel.fail().failure is Failure.AWAY


@pytest.mark.parametrize("kind", CASES)
def test_nobody_at_the_address_is_away(kind: str, stack: ExitStack) -> None:
    channel = opened(kind, stack)
    channel.fake.stop()

    assert channel.fail().failure is Failure.AWAY


@pytest.mark.parametrize("kind", HTTP)
def test_a_redirect_is_not_followed_and_not_taken_for_sent(kind: str, stack: ExitStack) -> None:
    channel = opened(kind, stack)
    channel.fake.fail_with("redirect")

    assert channel.fail().failure in (Failure.AWAY, Failure.REFUSED)
    assert [asked.path for asked in channel.fake.asked if asked.path == "/elsewhere"] == []


PLATFORMS = ["wecom_bot", "wecom_app", "dingtalk", "feishu"]


@pytest.mark.parametrize("kind", PLATFORMS)
@pytest.mark.parametrize("fault", ["html", "huge"])
def test_an_answer_that_is_not_the_platforms_is_not_taken_for_sent(
    kind: str, fault: str, stack: ExitStack
) -> None:
    channel = opened(kind, stack)
    channel.fake.fail_with(fault)

    error = channel.fail()

    assert error.failure is Failure.AWAY
    assert "api_base" in str(error)


@pytest.mark.parametrize("kind", CASES)
def test_what_comes_from_outside_breaks_nothing(kind: str, stack: ExitStack) -> None:
    hostile = (
        "a\r\nSubject: b\x00\x1b[31m <@all> [x](http://evil.example) **b** `c` \u202etxt \ud800 😀"
    )
    channel = opened(kind, stack)

    arrived = channel.send(
        Outgoing(hostile, (hostile, "# big", ""), "info", link="https://a.b/(c)")
    )

    assert "\x00" not in arrived
    assert "\u202e" not in arrived
    assert "😀" in arrived
    if kind in ("wecom_bot", "wecom_app", "dingtalk"):
        assert "<@all>" not in arrived
        assert "[x](http" not in arrived or kind == "wecom_app"  # no markdown there
        assert "\n# big" not in arrived or kind == "wecom_app"


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("character", ["a", "中", "😀", "👩‍👧", '"', "\\"])
def test_a_long_text_is_cut_between_characters_and_keeps_its_link(
    kind: str, character: str, stack: ExitStack
) -> None:
    """The fakes refuse what is over the platform's limit of bytes."""
    long = Outgoing(character * 3000, (character * 9000,) * 3, "warning", MESSAGE.link, "我来处理")

    arrived = opened(kind, stack, timeout_s=5).send(long)

    assert "…" in arrived
    assert "\ufffd" not in arrived
    assert MESSAGE.link in arrived


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("fault", [None, "wrong_key", "limited", "away"])
def test_no_secret_and_no_recipient_is_in_an_error_a_log_or_a_repr(
    kind: str, fault: str | None, stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    channel = opened(kind, stack)
    channel.fake.fail_with(fault)

    try:
        channel.send()
    except ChannelError as error:
        told += [str(error), repr(error), "".join(traceback.format_exception(error))]

    told += [repr(channel.channel), repr(vars(channel.channel)["_access"])]
    ours = [record for record in caplog.records if record.name != "mail.log"]  # not the fake's own
    told += [f"{record.getMessage()} {record.args}" for record in ours]
    for secret in channel.secrets:
        assert secret not in " ".join(told)
    assert bool(fault) == any("ops_bot" in each for each in told[:1])


@pytest.mark.parametrize("kind", CASES)
def test_a_variable_that_is_not_set_is_named(kind: str, stack: ExitStack) -> None:
    fake = stack.enter_context(CASES[kind].fake())
    settings = ChannelSettings(**{**fake.settings(), **CASES[kind].settings})

    with pytest.raises(ConfigError, match=r"^alerts\.channels\.ops_bot\.key_env: .*HUB_FAKE_KEY"):
        open_channel("ops_bot", settings, {})


@pytest.mark.parametrize("kind", CASES)
def test_a_secret_in_the_place_of_a_variables_name_is_not_repeated(
    kind: str, stack: ExitStack
) -> None:
    fake = stack.enter_context(CASES[kind].fake())
    settings = {**fake.settings(), **CASES[kind].settings, "key_env": "693a91f6-secret"}

    problems = channel_problems("ops_bot", ChannelSettings(**settings), {})

    assert any("alerts.channels.ops_bot.key_env: the name of an" in each for each in problems)
    assert "693a91f6" not in " ".join(problems)


@pytest.mark.parametrize("kind", CASES)
def test_a_variable_that_holds_something_else_is_named_and_not_shown(
    kind: str, stack: ExitStack
) -> None:
    fake = stack.enter_context(CASES[kind].fake())
    settings = ChannelSettings(**{**fake.settings(), **CASES[kind].settings})
    wrong = dict.fromkeys(fake.environment(), "no such://secret thing")

    problems = channel_problems("ops_bot", settings, wrong)

    assert len(problems) >= 1
    assert "HUB_FAKE_KEY" in problems[0]
    assert "secret thing" not in " ".join(problems)
