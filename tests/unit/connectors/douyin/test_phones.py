"""Encrypted phones of 来客: masked first, whole within a quota, read by the secret without a call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from hub.connectors.douyin import CONNECTOR, crypto
from hub.connectors.douyin.phones import DECRYPT_PATH, MASK_PATH
from hub.connectors.resolving import Answer, Ask, Found, Later, Never
from hub.errors import (
    ConfigError,
    PlatformDownError,
)
from tests.unit.connectors.douyin.laike_bench import (
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


def online(number: int) -> dict[str, Any]:
    return {
        "clue_id": str(number),
        "telephone": f"199****{number:04d}",
        "enc_telephone": f"Enc.{number}",
    }


def decrypting(mock: respx.MockRouter) -> tuple[respx.Route, respx.Route]:
    """A platform that reads every Enc.N as 1990000N."""

    def answer(request: httpx.Request) -> httpx.Response:
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


MASKED = Found({"telephone": "199****0001"}, again_s=600)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("密文不合法", Never("decryption_refused")),
        ("请求太频繁", MASKED),
        (None, Never("decryption_refused")),
    ],
)
def test_an_item_that_fails_fails_alone(
    mock: respx.MockRouter, bench: Bench, said: str | None, answer: Answer
) -> None:
    decrypting(mock)
    results = [
        {"cipher_text": "Enc.1", "is_success": False, "error_msg": said},
        {"cipher_text": "Enc.2", "plain_text": "19900000002", "is_success": True},
    ]
    mock.post(BASE + DECRYPT_PATH).respond(json={"data": {"error_code": 0, "results": results}})

    found = bench.resolve(a_source(), online(1), online(2), online(3))

    unanswered = Found({"telephone": "199****0003"}, again_s=600)
    assert found == [answer, Found({"telephone": "19900000002"}), unanswered]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("密文不合法", Never("decryption_refused")),
        ("请求太频繁", Later("busy", 600, counts=False)),
    ],
)
def test_what_cannot_even_be_masked_costs_no_quota(
    mock: respx.MockRouter, bench: Bench, said: str, answer: Answer
) -> None:
    whole, _ = decrypting(mock)
    failed = {"cipher_text": "Enc.1", "is_success": False, "error_msg": said}
    mock.post(BASE + MASK_PATH).respond(json={"data": {"error_code": 0, "results": [failed]}})

    found = bench.resolve(a_source(decrypt_per_day=5), online(1), online(2))

    assert found == [answer, Later("unanswered", 600)]
    assert whole.call_count == 0
    assert sum(bench.quota.taken.values()) == 0


def test_a_platform_that_is_away_costs_no_quota(mock: respx.MockRouter, bench: Bench) -> None:
    mock.post(BASE + MASK_PATH).mock(return_value=coded(2100001, 2100001))

    with pytest.raises(PlatformDownError):
        bench.resolve(a_source(decrypt_per_day=5, tries=2), online(1))

    assert bench.quota.taken == {}


def test_a_decryption_that_fails_for_now_leaves_masked_leads(
    mock: respx.MockRouter, bench: Bench
) -> None:
    decrypting(mock)
    mock.post(BASE + DECRYPT_PATH).mock(return_value=coded(2100001, 2100001))

    assert bench.resolve(a_source(tries=2), online(1)) == [MASKED]


def test_an_answer_that_cannot_be_read_is_asked_for_later(
    mock: respx.MockRouter, bench: Bench
) -> None:
    decrypting(mock)
    mock.post(BASE + DECRYPT_PATH).respond(json={"data": {"error_code": 0, "results": "x"}})
    assert bench.resolve(a_source(), online(1)) == [MASKED]

    mock.post(BASE + MASK_PATH).respond(json={"data": {"error_code": 0, "results": "x"}})
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
