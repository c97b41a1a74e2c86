"""来客: two codes in an answer, its own token, windows that it takes, phones under a quota."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin import CONNECTOR, crypto
from hub.connectors.douyin.laike import PATH, plan_of
from hub.connectors.douyin.laike_gateway import TOKEN_PATH, check_answer
from hub.connectors.douyin.options import DouyinOptions, options_of
from hub.connectors.douyin.phones import DECRYPT_PATH, MASK_PATH
from hub.connectors.limits import RateLimiter
from hub.connectors.resolving import Answer, Ask, Found, Later, Never
from hub.connectors.sessions import PullPorts
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

BASE = "https://open.douyin.com"
SECRET_ENV = "HUB_TEST_LAIKE_SECRET"
SECRET = "demo_client_secret_0123456789abc"  # 32 bytes
ACCOUNT = "7100000000000000001"


def a_source(**options: Any) -> SourceSettings:
    given = {"client_key": "awdemo0001", "secret_env": SECRET_ENV} | options
    return SourceSettings(platform="douyin", account=ACCOUNT, pulls=("laike_clue",), options=given)


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[respx.MockRouter]:
    monkeypatch.setenv(SECRET_ENV, SECRET)
    with respx.mock(assert_all_called=False) as router:
        yield router


# ---- codes


def coded(data: int | None, extra: int | None, said: str = "") -> httpx.Response:
    def status(code: int | None) -> dict[str, Any]:
        return {} if code is None else {"error_code": code, "description": said}

    return httpx.Response(200, json={"data": status(data), "extra": status(extra)})


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


# ---- calls


class Tokens:
    """Gives a new token for each stale one."""

    def __init__(self) -> None:
        self.issued = 0

    async def access_token(self, *, stale: str | None = None) -> str:
        self.issued += stale == f"clt-{self.issued}"
        return f"clt-{self.issued}"


class Quota:
    """So many a day."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, date], int] = {}

    async def take(self, name: str, wanted: int, *, limit: int, day: date) -> int:
        used = self.taken.get((name, day), 0)
        given = max(0, min(wanted, limit - used))
        self.taken[name, day] = used + given
        return given


class Bench:
    """Sessions with a clock that sleeping moves."""

    def __init__(self) -> None:
        self.seconds, self.slept = 0.0, [0.0][:0]
        self.tokens, self.quota = Tokens(), Quota()
        self.now = NOW

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    @property
    def ports(self) -> PullPorts:
        return PullPorts(
            tokens=self.tokens,
            fingerprint=str,
            limiter=RateLimiter(clock=lambda: self.seconds, sleep=self.sleep),
            quota=self.quota,
            sleep=self.sleep,
            now=lambda: self.now,
        )

    def pull(self, source: SourceSettings) -> list[Page]:
        async def run() -> list[Page]:
            request = PullRequest("laike_clue", None, NOW)
            async with CONNECTOR.session(source, self.ports) as session:
                return [page async for page in CONNECTOR.pages(session, request, source)]

        return asyncio.run(run())

    def resolve(self, source: SourceSettings, *payloads: Mapping[str, Any]) -> list[Answer]:
        async def run() -> list[Answer]:
            asks = [Ask("laike_clue", payload, "phone") for payload in payloads]
            async with CONNECTOR.session(source, self.ports) as session:
                return list(await CONNECTOR.resolve(session, asks, source))

        return asyncio.run(run())


@pytest.fixture
def bench() -> Bench:
    return Bench()


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


# ---- phones


def online(number: int) -> dict[str, Any]:
    return {
        "clue_id": str(number),
        "telephone": f"199****{number:04d}",
        "enc_telephone": f"Enc.{number}",
    }


def decrypting(mock: respx.MockRouter) -> tuple[respx.Route, respx.Route]:
    """A platform that reads every Enc.N as 1990000N."""

    def answer(request: httpx.Request) -> httpx.Response:
        import json

        texts = json.loads(request.content)["cipher_texts"]
        is_mask = str(request.url).endswith(MASK_PATH)
        results = [
            {
                "cipher_text": text,
                "plain_text": ("199****" if is_mask else "1990000") + text[4:].zfill(4),
                "is_success": True,
                "error_msg": "",
            }
            for text in texts
        ]
        return httpx.Response(200, json={"data": {"error_code": 0, "results": results}})

    whole = mock.post(BASE + DECRYPT_PATH).mock(side_effect=answer)
    return whole, mock.post(BASE + MASK_PATH).mock(side_effect=answer)


@pytest.mark.parametrize(
    ("payload", "needed"),
    [
        ({"telephone": "19900000001"}, None),
        ({"telephone": "19900000001", "enc_telephone": "Enc.1"}, None),
        ({"telephone": 19900000001, "enc_telephone": "Enc.1"}, None),
        ({"telephone": "199****0001", "enc_telephone": "Enc.1"}, "phone"),
        ({"telephone": "Enc.1"}, "phone"),
        ({"telephone": "dv+u4imlpCEAkjqB+7st6Q=="}, "phone"),
        ({"enc_telephone": "dv+u4imlpCEAkjqB+7st6Q==", "telephone": ""}, "phone"),
        ({"telephone": "199****0001"}, None),
        ({"telephone": None}, None),
        ({}, None),
        ({"telephone": "Enc.1", "resolved": {"telephone": "199****0001"}}, None),
        ({"telephone": "Enc.1", "resolved": {}}, "phone"),
        ({"telephone": "Enc.1", "resolved": "x"}, "phone"),
    ],
)
def test_a_lead_needs_the_network_only_for_a_ciphertext(
    payload: dict[str, Any], needed: str | None
) -> None:
    assert CONNECTOR.needs("laike_clue", payload, a_source()) == needed
    assert CONNECTOR.needs("clue", payload, a_source()) is None
    assert CONNECTOR.needs("laike_clue", payload, a_source(decrypt="off")) is None


def test_two_leads_with_one_ciphertext_are_one_question(
    mock: respx.MockRouter, bench: Bench
) -> None:
    whole, _ = decrypting(mock)
    first, second = bench.resolve(a_source(decrypt_per_day=5), online(1), online(1))

    assert first == second == Found({"telephone": "19900000001"})
    assert sum(bench.quota.taken.values()) == 1
    assert whole.call_count == 1
    ask = Ask("laike_clue", online(1), "phone")
    assert CONNECTOR.answer_key(ask, a_source()) == "Enc.1"


def test_beyond_the_quota_numbers_are_masked_and_asked_for_again_tomorrow(
    mock: respx.MockRouter, bench: Bench
) -> None:
    decrypting(mock)
    source = a_source(decrypt_per_day=2)

    answers = bench.resolve(source, *map(online, range(1, 5)))

    assert answers[:2] == [Found({"telephone": f"1990000{n:04d}"}) for n in (1, 2)]
    until_midnight_s = 4 * 3600  # noon UTC is 20:00 in Shanghai
    assert answers[2:] == [
        Found({"telephone": f"199****{n:04d}"}, again_s=until_midnight_s) for n in (3, 4)
    ]
    bench.now += timedelta(hours=5)
    assert bench.resolve(source, online(3)) == [Found({"telephone": "19900000003"})]


def test_masked_numbers_cost_nothing_and_are_asked_for_once_if_so_configured(
    mock: respx.MockRouter, bench: Bench
) -> None:
    whole, _ = decrypting(mock)
    answers = bench.resolve(a_source(decrypt="mask", decrypt_per_day=5), online(1))

    assert answers == [Found({"telephone": "199****0001"})]
    assert whole.call_count == 0
    assert bench.quota.taken == {}


def test_a_quota_that_the_platform_counts_lower_than_we_do_falls_back_to_masks(
    mock: respx.MockRouter, bench: Bench
) -> None:
    _, masks = decrypting(mock)
    failed = {"cipher_text": "Enc.1", "is_success": False, "error_msg": "今日解密额度已用完"}
    mock.post(BASE + DECRYPT_PATH).respond(json={"data": {"error_code": 0, "results": [failed]}})

    (answer,) = bench.resolve(a_source(), online(1))

    assert answer == Found({"telephone": "199****0001"}, again_s=4 * 3600)
    assert masks.call_count == 1


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("密文不合法", Never("decryption_refused")),
        ("请求太频繁", Later("busy", counts=False)),
        (None, Never("decryption_refused")),
    ],
)
def test_an_item_that_fails_fails_alone(
    mock: respx.MockRouter, bench: Bench, said: str | None, answer: Answer
) -> None:
    results = [
        {"cipher_text": "Enc.1", "is_success": False, "error_msg": said},
        {"cipher_text": "Enc.2", "plain_text": "19900000002", "is_success": True},
    ]
    mock.post(BASE + DECRYPT_PATH).respond(json={"data": {"error_code": 0, "results": results}})

    found = bench.resolve(a_source(), online(1), online(2), online(3))

    assert found == [answer, Found({"telephone": "19900000002"}), Later("unanswered")]


def test_an_answer_that_cannot_be_read_is_asked_for_later(
    mock: respx.MockRouter, bench: Bench
) -> None:
    mock.post(BASE + DECRYPT_PATH).respond(json={"data": {"error_code": 0, "results": "x"}})

    with pytest.raises(PlatformDownError):
        bench.resolve(a_source(), online(1))


def local(number: int, key: bytes) -> dict[str, Any]:
    return {"clue_id": str(number), "enc_telephone": crypto.encrypt(f"1990000{number:04d}", key)}


def test_what_the_secret_encrypts_is_read_without_the_network(
    mock: respx.MockRouter, bench: Bench
) -> None:
    answers = bench.resolve(a_source(), local(1, SECRET.encode()), local(2, b"x" * 32))

    assert answers == [Found({"telephone": "19900000001"}), Never("undecryptable")]
    assert mock.calls.call_count == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_secret_whose_key_is_not_certain_is_never_guessed(
    mock: respx.MockRouter, bench: Bench, monkeypatch: pytest.MonkeyPatch, side: crypto.Side
) -> None:
    monkeypatch.setenv(SECRET_ENV, SECRET[:-1])
    lead = local(1, crypto.key_of(SECRET[:-1].encode(), side))

    with pytest.raises(ConfigError, match=f"pad_first.*{side} reads these phones") as caught:
        bench.resolve(a_source(), lead)

    assert "1990000" not in str(caught.value)
    assert SECRET[:-1] not in str(caught.value)
    assert bench.resolve(a_source(pad_first=side), lead) == [Found({"telephone": "19900000001"})]


def test_page_sizes_are_those_that_the_platform_takes() -> None:
    source = a_source().model_copy(update={"pull": PullSettings(page_size=500)})

    assert plan_of(source, options_of(source)).page_size == 100
