"""The simulated 本地推 and 来客 keep the promises that tests and the demo lean on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hub.connectors.douyin.laike import PATH as LAIKE_PATH
from hub.connectors.douyin.simulator import Behaviour, Simulator, World
from hub.connectors.douyin.simulator.drifts import DRIFTS
from tests.conftest import FakeClock


@pytest.fixture
def simulator(clock: FakeClock) -> Iterator[Simulator]:
    with Simulator(seed=2, clock=clock) as running:
        yield running


def a_window(simulator: Simulator, **changes: Any) -> dict[str, Any]:
    asked = {"start_time": "2026-02-17 00:00:00", "end_time": "2026-02-17 19:50:00"}
    return {**asked, "account_id": simulator.world.local.laike_account_id, **changes}


def query(simulator: Simulator, token: str, **changes: Any) -> dict[str, Any]:
    answer = httpx.get(
        simulator.url + LAIKE_PATH,
        params=a_window(simulator, **changes),
        headers={"access-token": token},
    )
    found: dict[str, Any] = answer.json()
    assert found["data"]["error_code"] == found["extra"]["error_code"]
    data: dict[str, Any] = found["data"]
    return data


def a_client_token(simulator: Simulator) -> str:
    issued = simulator.world.local.issue(
        simulator.world.local.client_key, simulator.world.local.client_secret
    )
    assert isinstance(issued, str)
    return issued


@pytest.mark.parametrize(
    "changes",
    [
        {"end_time": "2026-02-17 19:51:00"},  # nine minutes ago
        {"start_time": "2025-01-01 00:00:00"},  # more than a year
        {"start_time": "2022-08-31 00:00:00", "end_time": "2022-09-02 00:00:00"},
        {"page_size": "101"},
        {"page": "0"},
        {"start_time": "x"},
    ],
)
def test_laike_refuses_windows_that_the_platform_refuses(
    simulator: Simulator, changes: dict[str, str]
) -> None:
    token = a_client_token(simulator)

    assert query(simulator, token)["error_code"] == 0
    assert query(simulator, token, **changes)["error_code"] == 2100005


def test_laike_knows_a_wrong_token_from_an_old_one(simulator: Simulator) -> None:
    token = a_client_token(simulator)
    assert query(simulator, "x")["error_code"] == 2190002
    simulator.world.local.expire_tokens()

    assert query(simulator, token)["error_code"] == 2190008


def test_laike_says_when_it_is_asked_too_often(simulator: Simulator) -> None:
    simulator.world.behaviour = Behaviour(laike_per_minute=2)
    token = a_client_token(simulator)
    query(simulator, token)
    query(simulator, token)

    assert query(simulator, token)["description"] == "请求太频繁"


def test_laike_counts_all_and_lists_no_more_than_its_cap(
    simulator: Simulator, clock: FakeClock
) -> None:
    simulator.world.behaviour = Behaviour(laike_cap=15)
    simulator.world.local.add_laike_clues(40, created_at=clock() - timedelta(hours=1))
    token = a_client_token(simulator)

    first = query(simulator, token, page_size="10")
    last = query(simulator, token, page_size="10", page="2")

    assert first["page"] == {"page_number": 1, "page_size": 10, "page_total": 2, "total": 40}
    assert len(last["clue_data"]) == 5


def test_leads_of_the_other_lists_come_along(simulator: Simulator) -> None:
    simulator.world.add_clues(25)

    assert len(simulator.world.local.life_clues) == 2
    assert len(simulator.world.local.laike_clues) == 2


@pytest.mark.parametrize("drift", sorted(DRIFTS))
def test_no_drift_breaks_the_other_lists(clock: FakeClock, drift: str) -> None:
    world = World(1, clock=clock)
    (life,) = world.local.add_life_clues(1)
    (laike,) = world.local.add_laike_clues(1, encrypted="online")
    plain = world.show(life)
    world.use_drift(drift)

    assert world.show(laike)["clue_id"] is not None
    names = {"douyin-id-required", "remark-text", "enum-unknown", "silence", "surge"}
    assert (world.show(life) == plain) == (drift in names)
