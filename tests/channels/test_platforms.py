"""What one platform does and the others do not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest

from hub.alert_settings import ChannelSettings
from hub.channels.access import Access
from hub.channels.base import Channel, ChannelError, Failure, Outgoing
from hub.channels.dingtalk import DingTalkRobot
from hub.channels.feishu import FeishuBot
from hub.channels.notifying import notify, plugin_of
from hub.channels.open import open_channel
from hub.channels.wecom_app import WecomApp
from hub.errors import ConfigError
from tests.channels.fake_mail import untrusted_context
from tests.channels.fakes import FakeDingTalk, FakeFeishu, FakeMail, FakeWebhook, FakeWecom

Kept = TypeVar("Kept", bound=Channel)
MESSAGE = Outgoing("title", ("line 1", "line 2"), "warning", "https://a.b/c", "take it")


class Clock:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


_channels: list[Channel] = []


@pytest.fixture(autouse=True)
def close_channels() -> Iterator[None]:
    """Channels that a test opened are closed when it ends."""
    yield
    while _channels:
        _channels.pop().close()


def kept(channel: Kept) -> Kept:
    _channels.append(channel)
    return channel


def opened(fake: Any, change: dict[str, Any] | None = None, **variables: str) -> Channel:
    settings = ChannelSettings(**{"timeout_s": 2, **fake.settings(), **(change or {})})
    return kept(open_channel("ops", settings, {**fake.environment(), **variables}))


def accessed(fake: Any) -> Access:
    settings = ChannelSettings(**{"timeout_s": 2, **fake.settings()})
    return Access("ops", settings, fake.key, fake.secret)


def failed(channel: Channel, to: str = "") -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        channel.send(MESSAGE, to)
    return caught.value


def test_a_bots_message_shows_its_severity_and_its_link() -> None:
    with FakeWecom() as fake:
        opened(fake).send(MESSAGE)

    assert fake.messages[0]["markdown"]["content"] == (
        '**<font color="warning">🟠 title</font>**\nline 1\nline 2\n[take it](https://a.b/c)'
    )


@pytest.mark.parametrize(
    ("fake_of", "seen"),
    [
        (FakeWecom, lambda m: "<@zhang_san>" in m["markdown"]["content"]),
        (FakeDingTalk, lambda m: m["at"]["atUserIds"] == ["zhang_san"] and "@zhang_san" in m["markdown"]["text"]),
        (FakeFeishu, lambda m: any("zhang_san" in str(element) for element in m["card"]["elements"])),
    ],
)  # fmt: skip
def test_a_bot_mentions_the_member_it_is_sent_to(fake_of: Any, seen: Any) -> None:
    with fake_of() as fake:
        opened(fake).send(MESSAGE, "zhang_san")

        assert seen(fake.messages[0])
        assert failed(opened(fake), "zhang<san").failure is Failure.ADDRESS


@pytest.mark.parametrize("fake_of", [FakeWecom, FakeDingTalk])
def test_the_twenty_first_message_of_a_minute_is_limited(fake_of: Any) -> None:
    clock = Clock()
    with fake_of(clock=clock) as fake:
        channel = opened(fake)
        for _ in range(20):
            channel.send(MESSAGE)
        error = failed(channel)
        clock.now += 61
        channel.send(MESSAGE)

    assert error.failure is Failure.LIMITED
    assert len(fake.messages) == 21


def test_a_token_is_asked_for_once_and_renewed_when_the_platform_ends_it() -> None:
    with FakeWecom("wecom_app") as fake:
        channel = opened(fake)
        channel.send(MESSAGE, "zhang_san")
        channel.send(MESSAGE, "li_si")
        assert fake.tokens == 1
        fake.expire_token()
        channel.send(MESSAGE, "zhang_san")

    assert fake.tokens == 2
    assert [m["touser"] for m in fake.messages] == ["zhang_san", "li_si", "zhang_san"]
    assert '<a href="https://a.b/c">take it</a>' in fake.messages[0]["text"]["content"]


def test_a_token_is_renewed_before_it_ends() -> None:
    clock = Clock()
    with FakeWecom("wecom_app") as fake:
        channel = kept(WecomApp(accessed(fake), clock))
        channel.send(MESSAGE, "zhang_san")
        clock.now += 6901
        channel.send(MESSAGE, "zhang_san")

    assert fake.tokens == 2


def test_a_wrong_secret_is_not_tried_again_at_once() -> None:
    """The platform would shut this address out for an hour."""
    clock = Clock()
    with FakeWecom("wecom_app") as fake:
        fake.app_secret = "another"
        channel = kept(WecomApp(accessed(fake), clock))
        errors = [failed(channel, "zhang_san") for _ in range(3)]
        asked = len(fake.asked)
        clock.now += 601
        failed(channel, "zhang_san")

    assert {error.failure for error in errors} == {Failure.CREDENTIALS}
    assert "HUB_FAKE_KEY" in str(errors[2])
    assert (asked, len(fake.asked)) == (1, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"corp_id": "ww9"}, "corp_id"), ({"agent_id": 7}, "agent_id")],
)
def test_a_wrong_setting_of_an_application_is_named(change: dict[str, Any], words: str) -> None:
    with FakeWecom("wecom_app") as fake:
        error = failed(opened(fake, change), "zhang_san")

    assert error.failure is Failure.CREDENTIALS
    assert words in str(error)


@pytest.mark.parametrize("to", ["", "nobody", "zhang_san|li_si", "@all", "@ALL", "@all|x"])
def test_a_member_that_cannot_be_reached_is_said_and_not_shown(to: str) -> None:
    with FakeWecom("wecom_app") as fake:
        error = failed(opened(fake), to)

    assert error.failure is Failure.ADDRESS
    assert not to or to not in str(error)
    assert fake.messages == []


def test_a_member_without_a_licence_was_not_reached() -> None:
    with FakeWecom("wecom_app") as fake:
        fake.unlicensed = {"li_si"}
        error = failed(opened(fake), "li_si")

    assert error.failure is Failure.ADDRESS


def test_what_the_platform_would_drop_in_silence_is_not_sent() -> None:
    clock = Clock()
    with FakeWecom("wecom_app") as fake:
        channel = kept(WecomApp(accessed(fake), clock))
        for _ in range(30):
            channel.send(MESSAGE, "zhang_san")
        error = failed(channel, "zhang_san")
        channel.send(MESSAGE, "li_si")
        clock.now += 60
        channel.send(MESSAGE, "zhang_san")

    assert error.failure is Failure.LIMITED
    assert error.retry_after_s == pytest.approx(60)
    assert len(fake.messages) == 32


@pytest.mark.parametrize(
    ("error_of", "words"),
    [
        (lambda fake: _with_secret(fake, "wrong-secret"), "signature"),
        (
            lambda fake: failed(kept(DingTalkRobot(accessed(fake), Clock(time.time() - 7200)))),
            "clock",
        ),
        (lambda fake: _with_keyword(fake), "keyword"),
    ],
)
def test_which_guard_of_a_robot_refused_is_said(error_of: Any, words: str) -> None:
    with FakeDingTalk() as fake:
        error = error_of(fake)

    assert error.failure is Failure.CREDENTIALS
    assert words in str(error)
    assert "HUB_FAKE_KEY_SECRET" in str(error)
    assert "example.com" not in str(error)


def _with_secret(fake: Any, secret: str) -> ChannelError:
    return failed(opened(fake, HUB_FAKE_KEY_SECRET=secret))


def _with_keyword(fake: FakeDingTalk) -> ChannelError:
    fake.keyword = "线索"
    return failed(opened(fake))


def test_a_bot_with_a_wrong_signing_secret_or_clock_says_so() -> None:
    with FakeFeishu() as fake:
        errors = [
            _with_secret(fake, "wrong-secret"),
            failed(kept(FeishuBot(accessed(fake), Clock(time.time() - 7200)))),
        ]

    for error in errors:
        assert error.failure is Failure.CREDENTIALS
        assert "HUB_FAKE_KEY_SECRET" in str(error)
        assert "clock" in str(error)


def test_a_webhook_keeps_its_id_when_a_message_comes_again() -> None:
    with FakeWebhook() as fake:
        channel = opened(fake)
        again = Outgoing("t", (), "info", facts={"message_id": 7})
        for message in (again, again, MESSAGE, MESSAGE):
            channel.send(message)

    assert fake.ids[:2] == ["7", "7"]
    assert len(set(fake.ids)) == 3
    assert fake.messages[0]["facts"] == {"message_id": 7}


def test_a_webhook_with_a_wrong_signing_secret_is_refused() -> None:
    with FakeWebhook() as fake:
        error = _with_secret(fake, "whsec_d3Jvbmc=")

    assert error.failure is Failure.CREDENTIALS


@pytest.mark.parametrize("fake_of", [FakeWebhook, lambda: FakeWebhook(signed=False)])
def test_a_channel_with_one_address_takes_no_other(fake_of: Any) -> None:
    with fake_of() as fake:
        assert failed(opened(fake), "ops@example.com").failure is Failure.ADDRESS


@pytest.fixture(params=[(True, False), (False, False), (True, True)], ids=["login", "open", "tls"])
def mail_server(request: pytest.FixtureRequest) -> Iterator[FakeMail]:
    auth, starttls = request.param
    with FakeMail(auth=auth, starttls=starttls) as fake:
        yield fake


def test_mail_goes_with_and_without_login_and_encryption(mail_server: FakeMail) -> None:
    opened(mail_server).send(MESSAGE, "ops@example.com")

    assert mail_server.messages == [
        {
            "to": ["ops@example.com"],
            "subject": "🟠 title",
            "text": "line 1\nline 2\n\ntake it: https://a.b/c\n",
            "from": "alerts@example.com",
        }
    ]


def test_a_certificate_that_is_not_trusted_is_refused() -> None:
    with FakeMail(starttls=True) as fake:
        channel = opened(fake, HUB_FAKE_KEY=fake.url_of(verify=True))
        error = failed(channel, "ops@example.com")

    assert error.failure is Failure.CREDENTIALS
    assert "certificate" in str(error)


def test_a_server_without_starttls_gets_no_password() -> None:
    with FakeMail() as fake:
        url = fake.url.replace("mailto://", "mailtos://").replace("insecure", "starttls")
        channel = opened(fake, HUB_FAKE_KEY=url)
        error = failed(channel, "ops@example.com")

    assert error.failure is Failure.CREDENTIALS
    assert "STARTTLS" in str(error)


def test_a_mailbox_that_is_not_there_is_said_and_not_shown() -> None:
    with FakeMail() as fake:
        fake.unknown = {"gone@example.com"}
        error = failed(opened(fake), "gone@example.com")

    assert error.failure is Failure.ADDRESS
    assert "gone@" not in str(error)
    assert "SMTP 550" in str(error)


@pytest.mark.parametrize(
    "to", ["", "ops", "a@b.c,d@e.f", "a@b.c?bcc=d@e.f", "x <a@b.c>", "线@b.c", "a@b.c\nCc: d@e.f"]
)
def test_mail_goes_to_one_address(to: str) -> None:
    with FakeMail() as fake:
        assert failed(opened(fake), to).failure is Failure.ADDRESS

    assert fake.messages == []


def test_addresses_in_the_url_of_a_mailbox_get_no_alerts() -> None:
    with FakeMail() as fake:
        url = fake.url + "&to=other@example.com&cc="
        channel = opened(fake, HUB_FAKE_KEY=url)
        channel.send(MESSAGE, "ops@example.com")

    assert [message["to"] for message in fake.messages] == [["ops@example.com"]]


@pytest.mark.parametrize(
    ("fake_of", "url", "attribute", "path"),
    [
        (FakeWecom, "wecombot://693a91f6-wrong-wrong/", "api_url", "/cgi-bin/webhook/send?key=wrong"),
        (FakeDingTalk, "dingtalk://wrongwrong/", "notify_url", "/robot/send?access_token=wrong"),
        (FakeFeishu, "feishu://wrongwrong/", "notify_url", "/open-apis/bot/v2/hook/wrong"),
    ],
)  # fmt: skip
def test_the_notifying_library_takes_a_wrong_token_for_sent(
    fake_of: Any, url: str, attribute: str, path: str
) -> None:
    """Why these platforms have senders of their own (ADR 20). If this fails, the library has learnt to read."""
    with fake_of() as fake:
        plugin: Any = plugin_of(url, 2.0)
        setattr(plugin, attribute, fake.url + path)
        is_sent = notify(accessed(fake), plugin, MESSAGE)

    assert is_sent
    assert fake.messages == []
    assert len(fake.asked) == 1


def test_a_service_of_the_library_that_breaks_shows_no_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> bool:
        raise KeyError("json://secret@example.com")

    with FakeWebhook(signed=False) as fake:
        monkeypatch.setattr("apprise.plugins.base.NotifyBase.notify", broken)
        url = fake.hook.replace("http://", "json://")
        error = failed(opened(fake, {"kind": "apprise"}, HUB_FAKE_KEY=url))

    assert error.failure is Failure.REFUSED
    assert "KeyError" in str(error)
    assert "secret" not in str(error)


def test_a_proxy_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://example.com")
    with FakeWecom() as fake, pytest.raises(ConfigError, match="proxy"):
        opened(fake)


def test_a_platform_whose_certificate_is_not_trusted_gets_no_key() -> None:
    fake = FakeWecom()
    fake.encrypt(untrusted_context())
    with fake:
        error = failed(opened(fake, {"api_base": fake.url.replace("http://", "https://")}))

    assert "certificate" in str(error)
    assert fake.asked == []
