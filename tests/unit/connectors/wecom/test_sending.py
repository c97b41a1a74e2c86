"""Messages to people: cut to size, within the limits, and nothing lost without a word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.wecom.errors import RouteLostError
from hub.connectors.wecom.messages import (
    app_text,
    bot_markdown,
    bot_text,
    cut_to_bytes,
    digest,
)
from hub.connectors.wecom.options import WecomOptions
from hub.connectors.wecom.sending import GroupBot, Notice, Sent, send_app_text
from hub.errors import ConfigError, PlatformDownError, RateLimitedError
from tests.unit.connectors.wecom.calls import BASE, Time, a_session, ports_of

KEY = "693a91f6-demo"
OK = {"errcode": 0, "errmsg": "ok"}


@given(st.text(max_size=400), st.integers(3, 300))
def test_what_is_cut_fits_and_is_a_beginning(text: str, limit: int) -> None:
    cut = cut_to_bytes(text, limit)
    plain = text.encode("utf-8", "replace").decode()

    assert len(cut.encode()) <= limit
    assert cut == plain or (cut.endswith("…") and plain.startswith(cut[:-1]))


def test_a_character_of_four_bytes_is_not_cut_in_half() -> None:
    assert cut_to_bytes("😀" * 3, 11) == "😀😀…"


def test_the_largest_texts_pass_whole() -> None:
    text: Any = bot_text("中" * 682 + "ab")["text"]
    markdown: Any = bot_markdown("中" * 1365 + "a")["markdown"]

    assert (len(text["content"].encode()), text["content"][-1]) == (2048, "b")
    assert (len(markdown["content"].encode()), markdown["content"][-1]) == (4096, "a")


def test_who_is_mentioned_stands_beside_the_text() -> None:
    assert bot_text("x", mentioned=["@all"], mentioned_mobiles=["19900000001"]) == {
        "msgtype": "text",
        "text": {
            "content": "x",
            "mentioned_list": ["@all"],
            "mentioned_mobile_list": ["19900000001"],
        },
    }


def test_a_digest_says_each_title_once_and_how_many_it_leaves_out() -> None:
    one: Any = digest(["a", "b", "a"])["markdown"]
    many: Any = digest([f"{n}" * 200 for n in range(100, 200)])["markdown"]

    assert one["content"] == "**另有 3 条消息合并发送**\n> a ×2\n> b"
    assert len(many["content"].encode()) <= 4096
    assert "种未列出" in many["content"]


def test_a_message_of_an_application_is_as_the_platform_documents_it() -> None:
    assert app_text(1000002, ["zhangsan", "lisi"], "x") == {
        "touser": "zhangsan|lisi",
        "msgtype": "text",
        "agentid": 1000002,
        "text": {"content": "x"},
        "enable_duplicate_check": 1,
        "duplicate_check_interval": 1800,
    }


@pytest.mark.parametrize(
    ("users", "duplicate_s"), [([], 0), (["a"] * 1001, 0), (["a"], -1), (["a"], 14_401)]
)
def test_what_the_platform_would_not_take_is_not_built(users: list[str], duplicate_s: int) -> None:
    with pytest.raises(ConfigError):
        app_text(1, users, "x", duplicate_s=duplicate_s)


def a_notice(title: str = "渠道静默") -> Notice:
    return Notice(title, bot_text(title))


def told(story: Callable[[GroupBot, Time], Awaitable[Any]], *replies: httpx.Response) -> list[Any]:
    """What a bot posted while a story was told."""
    time = Time()

    async def whole() -> None:
        bot = GroupBot(KEY, ports_of(time), WecomOptions(tries=2))
        try:
            await story(bot, time)
        finally:
            await bot.aclose()

    with respx.mock(assert_all_called=False) as router:
        effect = list(replies) if replies else lambda _: httpx.Response(200, json=OK)
        route = router.post(BASE + "webhook/send", params={"key": KEY}).mock(side_effect=effect)
        asyncio.run(whole())
        return [json.loads(each.request.content) for each in route.calls]


def test_what_is_over_fifteen_a_minute_comes_as_one_digest() -> None:
    async def story(bot: GroupBot, time: Time) -> None:
        went = [await bot.send(a_notice(f"第{n}条")) for n in range(40)]
        assert went == [True] * 15 + [False] * 25
        assert await bot.flush() == 0
        time.passed += 61
        assert await bot.flush() == 25
        assert bot.held_back == []
        assert await bot.flush() == 0

    posted = told(story)

    assert len(posted) == 16
    assert posted[-1]["markdown"]["content"].startswith("**另有 25 条")


def test_a_notice_does_not_overtake_those_that_are_held_back() -> None:
    async def story(bot: GroupBot, time: Time) -> None:
        for n in range(16):
            await bot.send(a_notice(f"{n}"))
        time.passed += 61
        assert await bot.send(a_notice("later")) is False
        assert await bot.flush() == 2

    told(story)


def test_a_single_notice_that_was_held_back_comes_as_it_is() -> None:
    async def story(bot: GroupBot, time: Time) -> None:
        for n in range(16):
            await bot.send(a_notice(f"{n}"))
        time.passed += 61
        await bot.flush()

    assert told(story)[-1] == bot_text("15")


@pytest.mark.parametrize("code", [93000, 93004, 93008])
def test_a_bot_that_is_gone_says_to_take_another_way(code: int) -> None:
    async def story(bot: GroupBot, time: Time) -> None:
        with pytest.raises(RouteLostError, match="another route") as caught:
            await bot.send(a_notice())
        assert KEY not in str(caught.value) + repr(bot)

    assert len(told(story, httpx.Response(200, json={"errcode": code}))) == 1


def test_what_a_digest_stands_for_stays_while_it_cannot_be_sent() -> None:
    async def story(bot: GroupBot, time: Time) -> None:
        for n in range(17):
            await bot.send(a_notice(f"{n}"))
        time.passed += 61
        with pytest.raises(PlatformDownError):
            await bot.flush()
        assert len(bot.held_back) == 2

    told(story, *[httpx.Response(200, json=OK)] * 15, *[httpx.Response(500)] * 2)


def test_a_bot_that_was_told_to_slow_down_does() -> None:
    async def story(bot: GroupBot, time: Time) -> None:
        with pytest.raises(RateLimitedError):
            await bot.send(a_notice())
        assert await bot.send(a_notice()) is False
        time.passed += 61
        assert await bot.flush() == 1

    limited = httpx.Response(200, json={"errcode": 45009})
    assert len(told(story, limited, httpx.Response(200, json=OK))) == 2


def sent(
    users: list[str], *replies: Any, time: Time | None = None, times: int = 1
) -> tuple[list[Sent], Any]:
    async def whole() -> list[Sent]:
        async with a_session(time) as session:
            return [await send_app_text(session, 1000002, users, "x") for _ in range(times)]

    with respx.mock(assert_all_called=False) as router:
        effect = [httpx.Response(200, json={**OK, **each}) for each in replies]
        route = router.post(BASE + "message/send").mock(side_effect=effect)
        return asyncio.run(whole()), route


def test_success_is_read_from_the_lists_of_those_who_got_nothing() -> None:
    reply = {"msgid": "m1", "invaliduser": "lisi|wangwu", "unlicenseduser": "zhaoliu"}
    (found,), _ = sent(["zhangsan", "lisi", "wangwu", "zhaoliu", "zhangsan"], reply)

    assert found == Sent(("m1",), ("lisi", "wangwu"), ("zhaoliu",), (), reached=1)


def test_more_than_a_thousand_go_in_several_calls() -> None:
    (found,), route = sent([f"u{n}" for n in range(2001)], {"msgid": "a"}, {"msgid": "b"}, {})

    counts = [json.loads(c.request.content)["touser"].count("|") + 1 for c in route.calls]
    assert counts == [1000, 1000, 1]
    assert (found.message_ids, found.reached) == (("a", "b"), 2001)


def test_a_member_who_had_thirty_in_a_minute_is_left_out_and_named() -> None:
    """The platform would answer with success and deliver nothing."""
    time = Time()
    found, route = sent(["zhangsan"], *[{}] * 31, time=time, times=31)

    assert [each.reached for each in found] == [1] * 30 + [0]
    assert found[-1].left_out == ("zhangsan",)
    assert route.call_count == 30
    assert time.slept == []


@pytest.mark.parametrize("users", [[], ["@all"], ["zhangsan", "@all"]])
def test_a_message_to_nobody_or_everybody_is_not_sent(users: list[str]) -> None:
    with pytest.raises(ConfigError):
        sent(users)


def test_a_bot_without_a_key_is_no_bot() -> None:
    with pytest.raises(ConfigError):
        GroupBot("", ports_of(Time()))
