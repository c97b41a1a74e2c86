"""The demo's sources, one description each: settings, secrets, how leads come, what they must carry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from hub.connectors.call400 import simulator as call400
from hub.connectors.douyin import simulator as douyin
from hub.connectors.esign import simulator as esign
from hub.connectors.kingdee import simulator as kingdee
from hub.connectors.meituan import simulator as meituan
from hub.connectors.push_sender import Habits
from hub.connectors.wecom import simulator as wecom
from hub.connectors.xiaohongshu import simulator as xiaohongshu
from hub.errors import HubError
from hub.steps.demo.centres import call_centres
from hub.steps.demo.file import import_sheet
from hub.steps.demo.hub import ADS, FAIR, FORM, MEITUAN, STAR, secret_env
from hub.steps.demo.senders import Line, fill_forms, push
from hub.steps.demo.source import BAD_LINE, PULL, DemoSource, guarded, times

LAIKE, LOCAL, WECOM, EXPO = "douyin-laike", "douyin-local", "wecom", "expo-list"
_WEB, _FILE = "webform", "file"


@dataclass(frozen=True, slots=True)
class Platforms:
    """Every simulated platform of the demo."""

    douyin: douyin.Simulator
    wecom: wecom.Simulator
    meituan: meituan.Simulator
    xiaohongshu: xiaohongshu.Simulator
    calls: call400.Simulator
    esign: esign.Simulator
    kingdee: kingdee.Simulator

    @classmethod
    @contextmanager
    def running(cls, seed: int) -> Iterator[Platforms]:
        """All of them, answering on ports of this machine until the block ends."""
        with ExitStack() as stack:
            yield cls(
                stack.enter_context(douyin.Simulator(seed)),
                stack.enter_context(wecom.Simulator(seed)),
                stack.enter_context(meituan.Simulator(seed)),
                stack.enter_context(xiaohongshu.Simulator(seed)),
                stack.enter_context(call400.Simulator(seed)),
                stack.enter_context(esign.Simulator(seed)),
                stack.enter_context(kingdee.Simulator(seed)),
            )


def demo_sources(platforms: Platforms, new_secret: Callable[[], str]) -> tuple[DemoSource, ...]:
    """All of them; `new_secret` makes the secrets that no platform has."""
    return (
        *_douyin(platforms.douyin, new_secret),
        *_xiaohongshu(platforms.xiaohongshu),
        _meituan(platforms.meituan),
        _wecom(platforms.wecom),
        *call_centres(platforms.calls, new_secret),
        *_forms(new_secret),
        DemoSource(
            EXPO,
            {"platform": _FILE, "name": "展会名单", "owner": "sales"},
            5,
            lambda line, count: asyncio.to_thread(import_sheet, line, count),
            carries=("mobile_e164", "product_interest"),
            is_direct=False,
        ),
    )


# Douyin


def _douyin(simulator: douyin.Simulator, new_secret: Callable[[], str]) -> Iterator[DemoSource]:
    world = simulator.world
    app_env, laike_env = secret_env("app"), secret_env(LAIKE)
    options = simulator.options(app_env)
    shared = {k: options[k] for k in ("app_id", "secret_env", "api_base", "authorize_base")}

    def source(key: str, name: str, account: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- settings of any kind
        own = {"platform": "douyin", "name": name, "account": account, "owner": "growth"}
        return {**own, "pull": PULL, **more}

    yield DemoSource(
        ADS,
        source(
            ADS, "抖音 飞鱼", world.advertiser_id, push="clue_push", pulls=["clue"],
            signature=guarded(ADS),
            options={**shared, "advertiser_ids": options["advertiser_ids"]},
        ),
        20,
        partial(_push_clues, simulator),
        {secret_env(ADS): new_secret(), app_env: world.app_secret},
        lambda _: [clue.clue_id for clue in simulator.clues],
        ("mobile_e164",),
    )  # fmt: skip
    yield DemoSource(
        STAR,
        source(
            STAR, "抖音 星图", world.star_id, push="star_push", pulls=["star_clue"],
            signature=guarded(STAR),
            options={**shared, "star_ids": options["star_ids"], "grant": ADS},  # one grant for all
        ),
        6,
        partial(_appear, lambda count, at, every: world.add_star_clues(count, created_at=at, every_s=every)),
        {secret_env(STAR): new_secret()},
        lambda line: [_star_id(line, clue) for clue in simulator.star_clues],
        ("mobile_e164",),
        is_direct=False,
    )  # fmt: skip
    yield DemoSource(
        LOCAL,
        source(
            LOCAL, "抖音 本地推", world.local.local_account_id, pulls=["life_clue"],
            options={**shared, "local_account_ids": options["local_account_ids"], "grant": ADS},
        ),
        6,
        partial(_appear, lambda count, at, every: world.local.add_life_clues(count, created_at=at, every_s=every)),
        {},
        lambda _: [clue.clue_id for clue in world.local.life_clues],
        is_direct=False,
    )  # fmt: skip
    yield DemoSource(
        LAIKE,
        source(
            LAIKE, "抖音 来客", world.local.laike_account_id, pulls=["laike_clue"],
            options=simulator.laike_options(laike_env),
        ),
        6,
        partial(_appear, partial(_add_laike, simulator)),
        {laike_env: world.local.client_secret},
        lambda _: [clue.clue_id for clue in world.local.laike_clues],
        ("mobile_e164",),  # only encrypted ones are listed
        is_direct=False,
    )  # fmt: skip


def _add_laike(simulator: douyin.Simulator, count: int, at: datetime, every_s: float) -> None:
    """Leads whose phones are listed encrypted, so that each has to be asked for."""
    local = simulator.world.local
    local.add_laike_clues(count, created_at=at, every_s=every_s, encrypted="online")


async def _appear(add: Callable[[int, datetime, float], object], line: Line, count: int) -> None:
    """Leads that are only listed."""
    add(count, *times(count))


async def _push_clues(simulator: douyin.Simulator, line: Line, count: int) -> None:
    at, every_s = times(count)
    clues = simulator.world.add_clues(count, created_at=at, every_s=every_s)
    sender = douyin.PushSender(simulator.world, line.url, habits=Habits(**BAD_LINE))
    await push(line, sender, clues, lambda clue: str(clue.clue_id))


def _star_id(line: Line, clue: douyin.SimulatedStarClue) -> str:
    return line.keyring.synthetic_id("douyin/star_clue", *clue.identity())


# Xiaohongshu, Meituan, WeCom


def _xiaohongshu(simulator: xiaohongshu.Simulator) -> Iterator[DemoSource]:
    world = simulator.world
    token = secret_env("xiaohongshu")

    def source(name: str, shape: str) -> dict[str, Any]:
        signature = {
            "scheme": "hmac_sha1",
            "header": "X-Red-Signature",
            "prefix": "sha1=",
            "secret_env": token,
        }
        own = {"platform": "xiaohongshu", "name": name, "owner": "growth", "push": shape}
        return {**own, "signature": signature}

    async def send(add: Callable[[int], Sequence[Any]], line: Line, count: int) -> None:
        habits = xiaohongshu.Habits(**BAD_LINE)
        sender = xiaohongshu.PushSender(world, line.url, habits=habits)
        await push(line, sender, add(count), lambda lead: str(lead.key))

    async def send_forms(line: Line, count: int) -> None:
        await send(world.add_clues, line, count)
        tester = xiaohongshu.PushSender(world, line.url)
        line.sent.listed += 1
        taken = await tester.send_test() == 200
        line.sent.acknowledged += taken
        line.sent.no_lead += taken

    secrets = {token: world.app_secret}
    forms = source("小红书 表单", "form_push")
    yield DemoSource("xhs-form", forms, 8, send_forms, secrets, carries=("mobile_e164",))
    yield DemoSource(
        "xhs-dm", source("小红书 私信", "dm_push"), 4, partial(send, world.add_star_clues), secrets
    )


def _meituan(simulator: meituan.Simulator) -> DemoSource:
    signature = {
        "scheme": "sorted_sha1",
        "field": "sign",
        "secret_env": secret_env(MEITUAN),
    }

    async def send(line: Line, count: int) -> None:
        sender = meituan.PushSender(simulator.world, line.url, habits=Habits(**BAD_LINE))
        leads = simulator.world.add_clues(count)
        await push(line, sender, leads, lambda lead: str(lead.lead_id))

    return DemoSource(
        MEITUAN,
        {"platform": "meituan", "name": "美团", "owner": "growth", "push": "message_push", "signature": signature},
        8,
        send,
        {secret_env(MEITUAN): simulator.world.app_secret},
        is_direct=False,
    )  # fmt: skip


def _wecom(simulator: wecom.Simulator) -> DemoSource:
    api, token = secret_env(WECOM), secret_env("wecom-token")
    settings = {
        "platform": "wecom",
        "name": "企业微信",
        "owner": "sales",
        "push": "event_push",
        "pulls": ["customers"],
        "pull": PULL,
        "signature": {"scheme": "sorted_values_sha1", "secret_env": token},
        "options": simulator.options(api),
    }

    async def send(line: Line, count: int) -> None:
        habits = wecom.Habits(**BAD_LINE)
        sender = wecom.PushSender(simulator.world, line.url, habits=habits)
        if not await sender.challenge():
            raise HubError("the set-up page of 企业微信 was not answered")
        relations = simulator.world.add_clues(count)
        await push(line, sender, relations, lambda relation: str(relation.external_userid))

    return DemoSource(
        WECOM,
        settings,
        8,
        send,
        {**simulator.environment(api), token: simulator.world.app_secret},
        lambda _: [one.external_userid for one in simulator.clues],
        ("name", "wechat_unionid"),  # an event carries neither
        is_direct=False,
    )


# Forms


def _forms(new_secret: Callable[[], str]) -> Iterator[DemoSource]:
    def form(key: str, name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- settings of any kind
        return {"name": name, "owner": "web", "token_secret_env": secret_env(key), **more}

    yield DemoSource(
        FORM,
        form(FORM, "官网 联系我们"),
        8,
        partial(fill_forms, form=FORM, bare=False),
        {secret_env(FORM): new_secret()},
        carries=("mobile_e164", "utm_source"),
    )
    utm = {"utm_source": "expo", "utm_medium": "qr", "utm_campaign": "expo_202603"}
    yield DemoSource(
        FAIR,
        form(FAIR, "展会 二维码", channel="qr_code", utm=utm),
        5,
        partial(fill_forms, form=FAIR, bare=True),
        {secret_env(FAIR): new_secret()},
        carries=("mobile_e164", "utm_campaign"),
    )
