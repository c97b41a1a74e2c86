"""The simulated site is found by `hub simulate`, answers on a port of its own, and repeats itself."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from hub.connectors.base import PullRequest
from hub.connectors.kingdee import CONNECTOR
from hub.connectors.kingdee.simulator import Simulator, World
from hub.connectors.limits import RateLimiter
from hub.connectors.sessions import NoTokens, PullPorts
from hub.errors import ConfigError
from hub.settings import PullSettings, SourceSettings
from hub.steps.simulate import SimulationPlan, drifts_of, simulate

AT = datetime.now(UTC).replace(microsecond=0)


def test_it_can_be_pulled_over_http_as_its_options_say(monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(seed=3, clock=lambda: AT) as site:
        site.world.add_clues(40, created_at=AT - timedelta(hours=1))
        monkeypatch.setenv("HUB_KINGDEE_SECRET", site.world.app_secret)
        source = SourceSettings(
            platform="kingdee",
            pulls=("receipt",),
            pull=PullSettings(page_size=7),
            options=site.options("HUB_KINGDEE_SECRET") | {"calls_per_s": 20},
        )

        async def pull() -> set[str]:
            ports = PullPorts(
                NoTokens(), lambda *_: "", RateLimiter(sleep=_no_wait), now=lambda: AT
            )
            request = PullRequest("receipt", AT - timedelta(days=1), AT)
            async with CONNECTOR.session(source, ports) as session:
                pages = CONNECTOR.pages(session, request, source)
                return {key async for page in pages for key in page.external_ids}

        found = asyncio.run(pull())
        bills = [bill for bill in site.clues if bill.form == "AR_RECEIVEBILL"]

    assert len(found) == sum(len(bill.entries_fen) for bill in bills)
    assert {key.partition("/")[0] for key in found} == {bill.key for bill in bills}


async def _no_wait(_: float) -> None:
    return None


def test_the_same_seed_gives_the_same_bills() -> None:
    first, second, other = World(1), World(1), World(2)
    made = [world.add_clues(30, created_at=AT) for world in (first, second, other)]

    assert made[0] == made[1]
    assert made[0] != made[2]


def test_nobody_pushes_from_it() -> None:
    plan = SimulationPlan(count=1, push_to="http://127.0.0.1:9/hooks/x")

    with pytest.raises(ConfigError, match="leave out --push-to"):
        simulate("kingdee", plan, stop=threading.Event())


def test_its_drifts_are_described() -> None:
    assert "foreign-currency" in drifts_of("kingdee")
