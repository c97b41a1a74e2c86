"""The demo's call centres: four vendors push, one of them lists its calls, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hub.connectors.call400 import simulator as call400
from hub.connectors.call400.simulator.calls import LINE
from hub.connectors.push_sender import Habits
from hub.steps.demo.calls import TinetSender, UdeskSender, calls
from hub.steps.demo.hub import secret_env
from hub.steps.demo.senders import Line, push
from hub.steps.demo.source import BAD_LINE, PULL, DemoSource, guarded, times


def call_centres(
    simulator: call400.Simulator, new_secret: Callable[[], str]
) -> Iterator[DemoSource]:
    """One source a vendor; `new_secret` makes the secret of each path."""
    world, seed = simulator.world, simulator.world.seed
    habits = Habits(**{**BAD_LINE, "reorder_within": 1})

    def centre(key: str, name: str, shape: str, share: int, send: Any) -> DemoSource:  # noqa: ANN401 -- a sender's coroutine
        settings = {
            "platform": "call400", "name": name, "owner": "service", "push": shape,
            "signature": guarded(key), "options": {"lines": [LINE]},
        }  # fmt: skip
        return DemoSource(key, settings, share, send, {secret_env(key): new_secret()})

    def with_list(pushed: DemoSource, stream: str) -> DemoSource:
        """The same centre, whose calls are listed, too; the secret of its path is that of its calls."""
        api = secret_env(pushed.key)
        settings = {
            **pushed.settings, "pulls": [stream], "pull": PULL, "options": simulator.options(api)
        }  # fmt: skip
        return replace(
            pushed,
            settings=settings,
            secrets=simulator.environment(api),
            listed=lambda _: [call.key for call in simulator.clues if call.is_lead],
        )

    async def tccc(line: Line, count: int) -> None:
        sender = call400.PushSender(world, line.url, habits=habits)
        at, every_s = times(count)
        made = world.add_clues(count, created_at=at, every_s=every_s)
        await push(line, sender, made, _call_id)

    async def moor(line: Line, count: int) -> None:
        sender = call400.PushSender(world, line.url, habits=habits)
        await push(line, sender, world.add_star_clues(count), _call_id)

    async def tinet(line: Line, count: int) -> None:
        made = calls(seed + 1, count, datetime.now(UTC))
        await push(line, TinetSender(line.url, habits=habits), made, _call_id)

    async def udesk(line: Line, count: int) -> None:
        made = calls(seed + 2, count, datetime.now(UTC))
        await push(line, UdeskSender(line.url, habits=habits), made, _call_id)

    yield with_list(centre("call-tccc", "400 腾讯云", "tccc_cdr", 5, tccc), "tccc_cdr_list")
    yield centre("call-moor", "400 七陌", "moor_call", 4, moor)
    yield centre("call-tinet", "400 天润", "tinet_cdr", 4, tinet)
    yield centre("call-udesk", "400 Udesk", "udesk_call", 3, udesk)


def _call_id(call: call400.SimulatedCall) -> str | None:
    """A call that went out is an interaction and no lead."""
    return call.key if call.is_lead else None
