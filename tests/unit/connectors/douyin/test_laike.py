"""来客: two codes in an answer, its own token, windows that it takes, calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from hub.connectors.base import PullRequest
from hub.connectors.douyin import CONNECTOR
from hub.connectors.douyin.laike import PATH, plan_of
from hub.connectors.douyin.laike_gateway import TOKEN_PATH, check_answer
from hub.connectors.douyin.options import DouyinOptions, options_of
from hub.connectors.windows import legs
from hub.errors import (
    AuthorizationLostError,
    ConfigError,
    HubError,
    PlatformDownError,
    PlatformRejectedError,
    RateLimitedError,
)
from hub.settings import PullSettings, SourceSettings
from tests.connectors.suite import NOW
from tests.unit.connectors.douyin.laike_bench import (
    ACCOUNT,
    BASE,
    SECRET,
    SECRET_ENV,
    Bench,
    a_source,
    coded,
)


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[respx.MockRouter]:
    monkeypatch.setenv(SECRET_ENV, SECRET)
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def bench() -> Bench:
    return Bench()


# ---- codes


@pytest.mark.parametrize(("data", "extra"), [(0, 0), (0, None), (None, 0)])
def test_an_answer_is_good_if_no_code_says_otherwise(data: int | None, extra: int | None) -> None:
    assert check_answer(coded(data, extra), DouyinOptions())


@pytest.mark.parametrize(
    ("data", "extra", "error"),
    [
        (2100004, 0, PlatformDownError),
        (0, 2100004, PlatformDownError),
        (2119002, 2119002, PlatformDownError),
        (2190002, 0, PlatformRejectedError),
        (0, 2190008, PlatformRejectedError),
        (77, 0, PlatformRejectedError),
        (77, 2119003, PlatformDownError),  # the one that the table knows decides
        (None, None, PlatformDownError),
    ],
)
def test_both_codes_are_checked(
    data: int | None, extra: int | None, error: type[HubError]
) -> None:
    with pytest.raises(error):
        check_answer(coded(data, extra), DouyinOptions())


@pytest.mark.parametrize("code", [2100001, 2100004, 2119002, 2119003, 5000001, 45002002])
def test_what_is_tried_again_can_be_set(code: int) -> None:
    with pytest.raises(PlatformDownError):
        check_answer(coded(code, code), DouyinOptions())
    with pytest.raises(PlatformRejectedError):
        check_answer(coded(code, code), DouyinOptions(error_actions={code: "stop"}))


def test_errors_repeat_nothing_that_the_platform_said() -> None:
    with pytest.raises(PlatformRejectedError) as caught:
        check_answer(coded(77, 77, "张三 19900000001"), DouyinOptions())

    assert "张三" not in str(caught.value)
    assert "1990000" not in str(caught.value)


# ---- token


def test_a_client_token_is_issued_for_the_secret(mock: respx.MockRouter) -> None:
    data = {"access_token": "clt.demo", "expires_in": 7200, "error_code": 0}
    route = mock.post(BASE + TOKEN_PATH).respond(json={"data": data, "message": "success"})
    with httpx.Client() as http:
        found = CONNECTOR.issue(http, a_source(), now=NOW)

    assert CONNECTOR.issues_tokens(a_source())
    assert (found.access_token, found.refresh_token) == ("clt.demo", "")
    assert found.access_expires_at == NOW + timedelta(hours=2)
    assert b'"grant_type":"client_credential"' in route.calls.last.request.content


def test_a_secret_that_is_not_accepted_is_a_lost_grant(mock: respx.MockRouter) -> None:
    mock.post(BASE + TOKEN_PATH).mock(return_value=coded(10003, None))
    with httpx.Client() as http, pytest.raises(AuthorizationLostError) as caught:
        CONNECTOR.issue(http, a_source(), now=NOW)

    assert SECRET not in str(caught.value)


def test_without_the_secret_the_variable_is_named(
    mock: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_ENV)
    with httpx.Client() as http, pytest.raises(ConfigError, match=SECRET_ENV):
        CONNECTOR.issue(http, a_source(), now=NOW)


def test_other_sources_are_authorised_by_a_person() -> None:
    assert not CONNECTOR.issues_tokens(SourceSettings(platform="douyin", pulls=("clue",)))


def test_the_accounts_are_those_whose_leads_may_be_listed(mock: respx.MockRouter) -> None:
    mock.get(BASE + PATH, params={"account_id": "71"}).mock(return_value=coded(0, 0))
    mock.get(BASE + PATH, params={"account_id": "72"}).mock(return_value=coded(2190004, 0))
    with httpx.Client() as http:
        found = CONNECTOR.accounts(http, a_source(laike_account_ids=["71", "72"]), "clt.demo")

    assert [account.external_id for account in found] == ["71"]


# ---- windows


def windows(since: datetime | None = None, **options: Any) -> list[Any]:
    source = a_source(**options)
    plan = plan_of(source, options_of(source))
    return list(legs(PullRequest("laike_clue", since, NOW), plan))


def test_a_shorter_lag_than_the_platform_takes_is_refused() -> None:
    with pytest.raises(ConfigError, match="laike_lag_s"):
        windows(laike_lag_s=60)


def test_nothing_before_september_2022_is_asked_for() -> None:
    found = windows(since=datetime(2020, 1, 1, tzinfo=UTC))

    assert found[0].start == datetime(2022, 8, 31, 16, 0, tzinfo=UTC)  # midnight in Shanghai


def test_no_window_is_longer_than_a_year() -> None:
    found = windows(since=datetime(2020, 1, 1, tzinfo=UTC), window_days=5000)

    assert max(leg.end - leg.start for leg in found) == timedelta(days=365)


def test_each_account_is_asked_by_itself() -> None:
    found = windows(laike_account_ids=["71", "72"])

    assert [leg.accounts for leg in found] == [("71",), ("72",)]


def test_a_source_cannot_mix_two_kinds_of_token() -> None:
    mixed = SourceSettings(
        platform="douyin",
        account=ACCOUNT,
        pulls=("clue", "laike_clue"),
        options={"client_key": "awdemo0001"},
    )
    with pytest.raises(ConfigError, match="a source of its own"):
        CONNECTOR.pages(None, PullRequest("laike_clue", None, NOW), mixed)


def test_without_an_application_the_option_is_named() -> None:
    with pytest.raises(ConfigError, match="client_key"):
        CONNECTOR.pages(None, PullRequest("laike_clue", None, NOW), a_source(client_key=""))


def an_empty_page() -> httpx.Response:
    data = {"error_code": 0, "clue_data": [], "page": {"page_total": 0, "total": 0}}
    return httpx.Response(200, json={"data": data, "extra": {"error_code": 0}})


def test_a_call_carries_the_client_token_and_the_root_account(
    mock: respx.MockRouter, bench: Bench
) -> None:
    route = mock.get(BASE + PATH).mock(return_value=an_empty_page())
    bench.pull(a_source(laike_root_account="79"))

    request = route.calls.last.request
    assert request.headers["access-token"] == "clt-0"
    assert request.headers["Rpc-Transit-Life-Account"] == "79"
    assert request.url.params["account_id"] == ACCOUNT
    assert request.url.params["end_time"] == "2026-02-17 19:50:00"


def test_the_end_lies_ten_minutes_back_but_not_that_of_a_day_that_is_over(
    mock: respx.MockRouter, bench: Bench
) -> None:
    route = mock.get(BASE + PATH).mock(return_value=an_empty_page())
    bench.now = NOW + timedelta(days=1)
    bench.pull(a_source())

    assert route.calls.last.request.url.params["end_time"] == "2026-02-17 20:00:00"


def test_times_can_be_unix_seconds(mock: respx.MockRouter, bench: Bench) -> None:
    route = mock.get(BASE + PATH).mock(return_value=an_empty_page())
    bench.pull(a_source(laike_times="unix"))

    end = int((NOW - timedelta(minutes=10)).timestamp())
    assert route.calls.last.request.url.params["end_time"] == str(end)


@pytest.mark.parametrize("code", [2190002, 2190008])
def test_a_stale_token_is_renewed_once(mock: respx.MockRouter, bench: Bench, code: int) -> None:
    mock.get(BASE + PATH).mock(side_effect=[coded(code, code), an_empty_page()])
    bench.pull(a_source())

    assert bench.tokens.issued == 1
    assert bench.slept == []


def test_own_calls_stay_below_ninety_a_minute(mock: respx.MockRouter, bench: Bench) -> None:
    mock.get(BASE + PATH).mock(return_value=an_empty_page())
    bench.pull(a_source(laike_account_ids=[str(number) for number in range(1, 101)]))

    assert sum(bench.slept) >= 60


def test_a_busy_gateway_is_asked_again_after_one_two_and_four_seconds(
    mock: respx.MockRouter, bench: Bench
) -> None:
    busy = coded(2119002, 0, "请求太频繁")
    mock.get(BASE + PATH).mock(side_effect=[busy, busy, busy, an_empty_page()])
    bench.pull(a_source())

    assert bench.slept == [1, 2, 4]


def test_a_gateway_that_stays_busy_is_given_up(mock: respx.MockRouter, bench: Bench) -> None:
    mock.get(BASE + PATH).mock(return_value=coded(2119002, 0, "请求太频繁"))

    with pytest.raises(RateLimitedError):
        bench.pull(a_source(tries=3))


def test_page_sizes_are_those_that_the_platform_takes() -> None:
    source = a_source().model_copy(update={"pull": PullSettings(page_size=500)})

    assert plan_of(source, options_of(source)).page_size == 100
