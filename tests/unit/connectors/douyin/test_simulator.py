"""The simulated platform keeps the promises that tests and the demo lean on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from hub.connectors.douyin import CONNECTOR
from hub.connectors.douyin.oauth import ACCOUNTS_PATH, TOKEN_PATH
from hub.connectors.douyin.pull import PATH as CLUE_PATH
from hub.connectors.douyin.simulator import Behaviour, Habits, PushSender, Simulator, World
from hub.connectors.douyin.simulator.drifts import DRIFTS
from hub.errors import ConfigError
from hub.settings import SourceSettings
from tests.conftest import FakeClock

HOOK = "http://127.0.0.1:9/hooks/ads/secret"


@pytest.fixture
def simulator(clock: FakeClock) -> Iterator[Simulator]:
    with Simulator(seed=2, clock=clock) as running:
        yield running


def ask(simulator: Simulator, token: str = "", **params: Any) -> httpx.Response:
    window = {
        "advertiser_ids": f"[{simulator.world.advertiser_id}]",
        "start_time": "2026-02-17",
        "end_time": "2026-02-17",
    }
    headers = {"Access-Token": token}
    return httpx.get(simulator.url + CLUE_PATH, params=window | params, headers=headers)


def test_the_same_seed_gives_the_same_leads(clock: FakeClock) -> None:
    first, second, other = (World(seed, clock=clock) for seed in (4, 4, 5))
    for world in (first, second, other):
        world.add_clues(20)

    assert first.clues == second.clues
    assert not {clue.clue_id for clue in first.clues} & {clue.clue_id for clue in other.clues}


def test_every_phone_is_an_invented_one(clock: FakeClock) -> None:
    world = World(1, clock=clock)
    phones = {clue.telephone for clue in world.add_clues(200)}
    phones |= {clue.phone for clue in world.add_star_clues(200)}
    phones |= {clue.telephone for clue in world.local.add_life_clues(200)}
    phones |= {clue.telephone for clue in world.local.add_laike_clues(200)}

    assert all(phone.startswith("199000") and len(phone) == 11 for phone in phones)


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda world, _: "", 40104),
        (lambda world, _: "made-up", 40105),
        (lambda world, clock: [world.new_pair().access, clock.advance(86_401)][0], 40102),
        (lambda world, _: [world.new_pair().access, world.new_pair()][0], 40105),
        (lambda world, _: world.new_pair().access, 0),
    ],
)
def test_only_the_living_token_is_taken(
    simulator: Simulator, clock: FakeClock, prepare: Any, code: int
) -> None:
    answer = ask(simulator, prepare(simulator.world, clock))

    assert (answer.status_code, answer.json()["code"]) == (200, code)


def test_a_wrong_secret_gets_no_token(simulator: Simulator) -> None:
    world = simulator.world
    asked = {"app_id": world.app_id, "secret": "wrong", "auth_code": world.new_code()}

    assert httpx.post(simulator.url + TOKEN_PATH, json=asked).json()["code"] == 40002
    asked = {"app_id": "1", "secret": world.app_secret, "auth_code": world.new_code()}
    assert httpx.post(simulator.url + TOKEN_PATH, json=asked).json()["code"] == 40113


def test_too_many_calls_in_a_second_are_refused_with_the_headers(simulator: Simulator) -> None:
    simulator.world.behaviour = Behaviour(developer_qps=2)
    token = simulator.world.new_pair().access

    answers = [ask(simulator, token) for _ in range(3)]

    assert [answer.json()["code"] for answer in answers] == [0, 0, 40110]
    assert answers[2].headers["X-RateLimit-Dimension"] == "developer_qps"


def test_too_many_calls_in_a_minute_are_punished_for_five(
    simulator: Simulator, clock: FakeClock
) -> None:
    world = simulator.world
    world.behaviour = Behaviour(developer_qps=1)
    for _ in range(101):
        clock.advance(0.5)
        world.check_call(CLUE_PATH, ())

    clock.advance(250)
    trouble = world.check_call(CLUE_PATH, ())
    assert trouble is not None
    assert trouble.headers["X-RateLimit-Dimension"] == "developer_qpm"
    clock.advance(60)
    assert world.check_call(CLUE_PATH, ()) is None


def test_an_account_limit_does_not_use_up_the_developers(clock: FakeClock) -> None:
    world = World(1, clock=clock, behaviour=Behaviour(account_qps=1, developer_qps=2))
    codes = [world.check_call(CLUE_PATH, ("1",)) for _ in range(5)]

    assert [found.code if found else 0 for found in codes] == [0, 40130, 40130, 40130, 40130]
    assert world.check_call(CLUE_PATH, ("2",)) is None


def test_planned_faults_come_in_order(simulator: Simulator) -> None:
    simulator.world.fail_next(ACCOUNTS_PATH, 50000, times=1)
    headers = {"Access-Token": simulator.world.new_pair().access}
    url = simulator.url + ACCOUNTS_PATH

    codes = [httpx.get(url, headers=headers).json()["code"] for _ in range(2)]

    assert codes == [50000, 0]


def test_two_simulators_do_not_share_a_port(simulator: Simulator) -> None:
    port = int(simulator.url.rsplit(":", 1)[1])

    with pytest.raises(ConfigError, match="taken"):
        Simulator(port=port).start()


def test_drifts_change_the_lists_and_can_end(clock: FakeClock) -> None:
    world = World(1, clock=clock)
    (lead,), (star,) = world.add_clues(1), world.add_star_clues(1)
    plain = world.show(lead), world.show(star)
    for name, drift in DRIFTS.items():
        world.use_drift(name)
        assert ((world.show(lead), world.show(star)) != plain) is (drift.rate == 1), name

    world.use_drift(None)
    assert (world.show(lead), world.show(star)) == plain


def test_an_unknown_drift_is_told_all_that_there_are(clock: FakeClock) -> None:
    with pytest.raises(ConfigError) as caught:
        World(1, clock=clock).use_drift("no-such")

    lines = str(caught.value).splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(DRIFTS)
    assert all(len(line.split()) > 3 for line in lines)


def pushed(world: World, number: int, drift: str, *, star: bool) -> tuple[Any, Any]:
    """Lead `number` as it is pushed before and after a change."""
    leads: list[Any] = list(
        world.add_star_clues(number + 1) if star else world.add_clues(number + 1)
    )
    sender = PushSender(world, HOOK)
    bodies = []
    for after in (number + 1, 0):
        world.use_drift(drift, after=after)
        bodies.append(json.loads(sender.body(leads[number])[0]))
    return bodies[0], bodies[1]


def test_the_founding_story_adds_nine_fields_and_keeps_the_uid(clock: FakeClock) -> None:
    before, after = pushed(World(1, clock=clock), 3, "douyin-id-required", star=True)

    assert before["uid"].isdigit()
    assert after.keys() - before.keys() == {
        "douyin_id",
        "fan_level",
        "interact_count",
        "follow_days",
        "spend_level",
        "interest_tags",
        "active_level",
        "device_type",
        "source_video",
    }
    assert {**after, **before} == after
    assert not after["douyin_id"].isdigit()


@pytest.mark.parametrize(
    ("drift", "star", "gone", "come"),
    [
        ("field-added", False, set(), {"fan_level"}),
        ("phone-gone", False, {"mobile"}, set()),
        ("phone-gone", True, {"phone"}, set()),
        ("phone-renamed", False, {"mobile"}, {"phone_number"}),
        ("phone-renamed", True, {"phone"}, {"telephone"}),
        ("phone-nested", True, {"phone"}, {"contact"}),
        ("phone-array", False, {"mobile"}, {"contacts"}),
        ("several-at-once", True, {"phone"}, {"telephone", "fan_level"}),
    ],
)
def test_a_field_comes_or_goes(
    clock: FakeClock, drift: str, star: bool, gone: set[str], come: set[str]
) -> None:
    before, after = pushed(World(1, clock=clock), 2, drift, star=star)

    assert before.keys() - after.keys() == gone
    assert after.keys() - before.keys() == come


@pytest.mark.parametrize(
    ("drift", "star", "field"),
    [
        ("phone-masked", False, "mobile"),
        ("remark-text", False, "remark_dict"),
        ("id-number", False, "clueId"),
        ("seconds-to-millis", False, "create_time"),
        ("seconds-to-millis", True, "create_time"),
        ("yuan-to-fen", False, "remark_dict"),
        ("enum-unknown", False, "clue_source"),
        ("meaning-shifted", False, "remark_dict"),
        ("meaning-shifted", True, "anchor_name"),
    ],
)
def test_a_value_changes_under_its_name(
    clock: FakeClock, drift: str, star: bool, field: str
) -> None:
    before, after = pushed(World(1, clock=clock), 2, drift, star=star)

    assert before.keys() == after.keys()
    assert before[field] != after[field]


def test_times_in_milliseconds_are_the_same_times(clock: FakeClock) -> None:
    before, after = pushed(World(1, clock=clock), 2, "seconds-to-millis", star=True)

    assert after["create_time"] == 1000 * before["create_time"]


def test_ids_change_their_type_and_nothing_else(clock: FakeClock) -> None:
    before, after = pushed(World(1, clock=clock), 2, "id-text", star=True)

    assert after["item_id"] == str(before["item_id"])
    assert after["phone"] == before["phone"]


def test_a_change_comes_with_a_certain_lead(clock: FakeClock) -> None:
    world = World(1, clock=clock)
    leads = world.add_star_clues(4)
    world.use_drift("douyin-id-required", after=2)

    assert ["douyin_id" in world.show(lead) for lead in leads] == [False, False, True, True]


# ---- the sender


def send(world: World, habits: Habits, mock: respx.MockRouter, *answers: Any) -> Any:
    route = mock.post(HOOK)
    if answers:
        route.mock(side_effect=list(answers))
    else:
        route.respond(200, json={"code": 0, "message": "success"})
    sender = PushSender(world, HOOK, habits=habits, constants={"hub_token": "t"})
    report = asyncio.run(sender.send(world.clues))
    return sender, report, [json.loads(call.request.content) for call in route.calls]


@respx.mock
def test_what_is_acknowledged_is_on_the_senders_own_list(
    respx_mock: respx.MockRouter, clock: FakeClock
) -> None:
    world = World(1, clock=clock)
    world.add_clues(50)

    sender, report, bodies = send(
        world, Habits(duplicate_share=0.3, lost_ack_share=0.3, retry_after_s=(0, 0)), respx_mock
    )

    assert set(sender.acknowledged) == {clue.clue_id for clue in world.clues}
    assert report.attempts == len(bodies) == 50 + report.duplicates + report.retries
    assert report.duplicates > 0
    assert report.retries > 0
    assert all(body["hub_token"] == "t" for body in bodies)


@respx.mock
def test_a_refusal_or_silence_is_retried_and_then_given_up(
    respx_mock: respx.MockRouter, clock: FakeClock
) -> None:
    world = World(1, clock=clock)
    (clue,) = world.add_clues(1)
    refusals = [httpx.Response(401, json={"code": -1}), httpx.ConnectError("x")]

    sender, report, _ = send(
        world, Habits(retry_after_s=(0, 0)), respx_mock, *refusals, httpx.Response(200, json={})
    )

    assert sender.acknowledged == {}
    assert report.given_up == [clue.clue_id]
    assert report.attempts == 3


@respx.mock
def test_neighbours_change_places(respx_mock: respx.MockRouter, clock: FakeClock) -> None:
    world = World(1, clock=clock)
    world.add_clues(20)

    _, _, bodies = send(world, Habits(reorder_within=20, at_once=1), respx_mock)

    sent = [body["clueId"] for body in bodies]
    assert sent != sorted(sent)
    assert sorted(sent) == [clue.clue_id for clue in world.clues]


# ---- the consent page


def test_the_address_of_the_consent_page_carries_what_the_platform_wants() -> None:
    source = SourceSettings(
        platform="douyin", options={"app_id": 1790000000000001, "scope": [4, 5]}
    )

    url = urlsplit(CONNECTOR.authorize_url(source, state="s", redirect_uri="https://x.invalid/cb"))

    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert (url.netloc, url.path) == ("ad.oceanengine.com", "/openapi/audit/oauth.html")
    assert query == {
        "app_id": "1790000000000001",
        "state": "s",
        "redirect_uri": "https://x.invalid/cb",
        "scope": "[4,5]",
        "material_auth": "1",
    }


def test_without_an_application_there_is_no_address() -> None:
    with pytest.raises(ConfigError, match="app_id"):
        CONNECTOR.authorize_url(
            SourceSettings(platform="douyin"), state="s", redirect_uri="https://x.invalid"
        )


def test_late_fields_settle_after_ten_minutes(clock: FakeClock) -> None:
    world = World(1, clock=clock)
    (lead,) = world.add_clues(1)
    assert world.show(lead)["app_name"] == ""
    clock.advance(timedelta(minutes=10).total_seconds())

    assert world.show(lead)["app_name"] == "抖音"
