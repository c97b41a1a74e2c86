"""A session whose clock, tokens and waits the test owns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import PullPorts
from hub.connectors.wecom.client import WecomSession
from hub.connectors.wecom.options import WecomOptions

BASE = "https://qyapi.weixin.qq.com/cgi-bin/"
NOW = datetime(2026, 2, 17, 12, 0, tzinfo=UTC)


@dataclass
class Tokens:
    """Gives `token-1`, and the next one for a stale one."""

    number: int = 1
    asked: list[str | None] = field(default_factory=list)

    async def access_token(self, *, stale: str | None = None) -> str:
        self.asked.append(stale)
        if stale == f"token-{self.number}":
            self.number += 1
        return f"token-{self.number}"


@dataclass
class Time:
    """Waits take no time, and are added up."""

    slept: list[float] = field(default_factory=list)
    passed: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds

    def now(self) -> float:
        return self.passed


def ports_of(time: Time, tokens: Tokens | None = None) -> PullPorts:
    limiter = RateLimiter(clock=time.now, sleep=time.sleep)
    return PullPorts(
        tokens or Tokens(), lambda *parts: "/".join(parts)[-40:], limiter, sleep=time.sleep
    )


def a_session(
    time: Time | None = None, tokens: Tokens | None = None, **options: Any
) -> WecomSession:
    chosen = WecomOptions(corp_id="ww0", **options)
    return WecomSession(chosen, ports_of(time or Time(), tokens), clock=lambda: NOW)
