"""Fifteen sources of a company and a week of their leads, sent in minutes: duplicates, lost answers, a drift."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx

from bench.stage import SECRET
from hub.connectors.douyin import simulator as douyin
from hub.connectors.push_sender import BasePushSender, Habits
from hub.connectors.xiaohongshu import simulator as xiaohongshu

SECRET_ENV, XHS_ENV = "HUB_BENCH_SECRET", "HUB_BENCH_XHS"
DRIFT = "phone-renamed"
_HABITS: Mapping[str, Any] = {
    "duplicate_share": 0.05,
    "lost_ack_share": 0.02,
    "reorder_within": 5,
    "at_once": 16,
    "retry_after_s": (0.2, 1.0, 3.0),
}
_ORIGIN = "http://127.0.0.1"
_NAMES = ("张三", "李四", "王五", "赵六", "测试😀")


@dataclass(slots=True)
class Sent:
    """What a source's own list says."""

    leads: int = 0
    acknowledged: int = 0
    attempts: int = 0


Send = Callable[[str, int, float], Awaitable[Sent]]


@dataclass(frozen=True, slots=True)
class Sender:
    """One source: its settings, its share of all leads, and how it sends `count` leads in so many seconds."""

    key: str
    settings: Mapping[str, Any]
    weight: float
    send: Send
    is_form: bool = False

    def url(self, port: int) -> str:
        """Where it posts to."""
        if self.is_form:
            return f"http://127.0.0.1:{port}/forms/{self.key}"
        secret = f"/{SECRET}" if self.settings["signature"]["scheme"] == "static_path" else ""
        return f"http://127.0.0.1:{port}/hooks/{self.key}{secret}"


class Week:
    """All senders; `drift_after` leads of the one that changes its payload are as they were."""

    def __init__(self, drift_after: int) -> None:
        self._xhs = xiaohongshu.Simulator(1).world
        self.secrets = {XHS_ENV: self._xhs.app_secret}
        self.senders = tuple(self._senders(drift_after))

    def config(self) -> dict[str, Any]:
        """The document of hub.yaml."""
        return {
            "sources": {one.key: one.settings for one in self.senders if not one.is_form},
            "forms": {one.key: one.settings for one in self.senders if one.is_form},
        }

    async def send(self, port: int, leads: int, seconds: float) -> dict[str, Sent]:
        """Send about `leads` leads, each source its share, evenly over `seconds`; what each has on its list."""
        total = sum(one.weight for one in self.senders)
        counts = {one.key: max(1, round(leads * one.weight / total)) for one in self.senders}
        found = await asyncio.gather(
            *(one.send(one.url(port), counts[one.key], seconds) for one in self.senders)
        )
        return {one.key: sent for one, sent in zip(self.senders, found, strict=True)}

    def _senders(self, drift_after: int) -> Iterator[Sender]:
        guarded = {"scheme": "static_path", "secret_env": SECRET_ENV}
        for number in range(10):
            settings = {"platform": "douyin", "name": f"抖音 {number:02}", "push": "clue_push"}
            world = douyin.Simulator(number + 1).world
            sends = _platform(world.add_clues, partial(_douyin, world))
            weight = {0: 5.0, 1: 3.0}.get(number, 1.0)
            yield Sender(f"douyin-{number:02}", {**settings, "signature": guarded}, weight, sends)
        star = douyin.Simulator(20).world
        star.use_drift(DRIFT, after=drift_after)
        yield Sender(
            "douyin-star",
            {"platform": "douyin", "name": "抖音 星图", "push": "star_push", "signature": guarded},
            1.0,
            _platform(star.add_star_clues, partial(_douyin, star)),
        )
        signed = {"scheme": "hmac_sha1", "header": "X-Red-Signature", "prefix": "sha1="}
        xhs = {"platform": "xiaohongshu", "signature": {**signed, "secret_env": XHS_ENV}}
        for key, shape, add in (
            ("xhs-form", "form_push", self._xhs.add_clues),
            ("xhs-dm", "dm_push", self._xhs.add_star_clues),
        ):
            yield Sender(key, {**xhs, "push": shape}, 1.0, _platform(add, self._red))
        for key in ("site", "fair"):
            form = {"require_token": False, "min_fill_s": 0, "origins": [_ORIGIN]}
            yield Sender(key, form, 1.0, _fill_forms(key), is_form=True)

    def _red(self, url: str) -> BasePushSender[Any]:
        return xiaohongshu.PushSender(self._xhs, url, habits=xiaohongshu.Habits(**_HABITS))


def _douyin(world: douyin.World, url: str) -> BasePushSender[Any]:
    return douyin.PushSender(world, url, habits=Habits(**_HABITS))


def _platform(
    add: Callable[..., list[Any]], sender_to: Callable[[str], BasePushSender[Any]]
) -> Send:
    """A platform pushes its leads as they come."""

    async def send(url: str, count: int, seconds: float) -> Sent:
        report = await sender_to(url).send(add(count), rate=count / seconds)
        return Sent(count, report.acknowledged, report.attempts)

    return send


def _fill_forms(form: str) -> Send:
    """Visitors leave their numbers."""

    async def send(url: str, count: int, seconds: float) -> Sent:
        chance = random.Random(form)  # noqa: S311 -- invented visitors, the same each time
        sent, started = Sent(), time.monotonic()
        async with httpx.AsyncClient(timeout=10, headers={"origin": _ORIGIN}) as client:
            for number in range(count):
                due = started + number * seconds / count
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                answer = await client.post(url, json=_form(form, number, chance))
                sent.leads += 1
                sent.attempts += 1
                sent.acknowledged += answer.is_success
        return sent

    return send


def _form(form: str, number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "form_id": form,
        "submission_id": f"week-{form}-{number:06d}",
        "submitted_at": datetime.now(UTC).isoformat(),
        "fields": {
            "name": chance.choice(_NAMES),
            "mobile": str(19_900_000_000 + chance.randrange(20_000)),
            "remark": "想了解价格",
        },
        "consent": {"privacy": True, "version": "2026-09"},
    }
