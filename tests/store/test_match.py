"""实时去重 over HTTP and in the step: known or not, limited, audited, and silent about what was asked."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from bench import crowd
from hub.errors import RefusedError
from hub.model.lead import KeyKind
from hub.privacy.keyring import KeyRing
from hub.receiver.app import ReceiverSetup
from hub.registry.merchants import add_merchant
from hub.settings import HubSettings
from hub.steps.identity.match_contact import asked_keys
from tests.conftest import FakeClock
from tests.store.test_receiver_app import App

pytestmark = pytest.mark.postgres
PATH = "/api/v1/contacts/match"
ALL, OF_A = "token-of-everybody", "token-of-merchant-a"
SETTINGS = HubSettings.model_validate(
    {
        "merchants": [{"id": "a"}, {"id": "b"}],
        "sources": {"s1": {"platform": "file", "merchant": "a", "owner": "growth"}},
        "match": {"per_s": 1, "burst": 5},
    }
)
PHONE = crowd.mobile_of(3)
Story = Callable[[httpx.AsyncClient], Awaitable[None]]


@pytest.fixture(autouse=True)
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_API_TOKENS", f"crm:{ALL},shop@a:{OF_A}")


@pytest.fixture
def app(database_url: str, keyring: KeyRing, clock: FakeClock, tmp_path: Path) -> App:
    crowd.fill(database_url, keyring, 10, merchant="a", source_key="s1")
    crowd.fill(database_url, keyring, 1, merchant="b", source_key="s2")
    return App(
        ReceiverSetup(SETTINGS, keyring, database_url, tmp_path / "spool", "r1", clock=clock)
    )


async def ask(client: httpx.AsyncClient, token: str = ALL, **body: Any) -> httpx.Response:
    return await client.post(PATH, json=body, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "written", [PHONE, PHONE[3:], "199 0000 0003", "0086-199-0000-0003", "１９９００００００03"]
)
def test_a_phone_in_any_written_form_is_known(app: App, written: str) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        found = (await ask(client, merchant="a", phone=written)).json()
        assert found["contact"]
        assert {k: v for k, v in found.items() if k not in ("contact", "last_lead_at")} == {
            "known": True, "merchant": "a", "by": ["mobile"], "leads": 1, "owner": "growth",
            "follow_user": None, "also": [],
        }  # fmt: skip

    app.run(story)


def test_a_hash_meets_the_phone_and_a_stranger_is_unknown(app: App) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        digest = hashlib.sha256(PHONE.encode()).hexdigest()
        assert (await ask(client, merchant="a", phone_sha256=digest)).json()["known"]
        stranger = await ask(client, merchant="a", phone="19911112222")
        assert stranger.status_code == 200
        assert stranger.json()["known"] is False

    app.run(story)


def test_a_merchant_never_hears_of_anothers_customers(app: App) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        assert not (await ask(client, merchant="b", phone=PHONE)).json()["known"]
        assert (await ask(client, OF_A, phone=PHONE)).json()["merchant"] == "a"
        for other in ("b", "nobody"):
            refused = await ask(client, OF_A, merchant=other, phone=PHONE)
            assert refused.status_code == 403
        status = await client.get("/api/v1/status", headers={"Authorization": f"Bearer {OF_A}"})
        assert [one["source"] for one in status.json()["sources"]] == ["s1"]

    app.run(story)


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"phone": PHONE}, 422, {"error": "unknown_merchant", "fields": ["merchant"]}),
        ({"merchant": "a"}, 422, {"error": "nothing_asked", "fields": []}),
        (
            {"merchant": "a", "phone": "021-55556666"},
            422,
            {"error": "no_key", "fields": ["phone"]},
        ),
        ({"merchant": "a", "phone": "no"}, 422, {"error": "unusable", "fields": ["phone"]}),
        ({"merchant": "a", "phone": 19900000003}, 422, {"error": "invalid", "fields": ["phone"]}),
        ({"merchant": "a", "19900000003": "x"}, 422, {"error": "invalid", "fields": []}),
        (
            {"merchant": "a", "openid": "o-19900000003"},
            422,
            {"error": "incomplete", "fields": ["openid", "app"]},
        ),
        ({"merchant": "a", "phone": "1" * 5000}, 413, {"error": "body_too_large", "fields": []}),
    ],
)
def test_a_question_that_is_none_is_refused_without_its_values(
    app: App, caplog: pytest.LogCaptureFixture, body: Any, status: int, told: Any
) -> None:
    caplog.set_level(logging.INFO)

    async def story(client: httpx.AsyncClient) -> None:
        answer = await ask(client, **body)
        assert (answer.status_code, answer.json()) == (status, {"detail": told})

    app.run(story)
    assert "19900000003" not in caplog.text


def test_a_body_that_is_no_json_is_refused(app: App) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        answer = await client.post(
            PATH, content=b"\xff{", headers={"Authorization": f"Bearer {ALL}"}
        )
        assert answer.status_code == 422
        assert (await client.post(PATH, json={})).status_code == 401

    app.run(story)


def test_a_token_that_asks_too_often_waits_and_others_do_not(app: App, clock: FakeClock) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        answers = [await ask(client, merchant="a", phone=PHONE) for _ in range(6)]
        assert [one.status_code for one in answers] == [200] * 5 + [429]
        assert answers[-1].headers["Retry-After"] == "1"
        assert (await ask(client, OF_A, phone=PHONE)).status_code == 200
        clock.advance(1)
        assert (await ask(client, merchant="a", phone=PHONE)).status_code == 200

    app.run(story)


def test_who_asked_is_audited_and_never_what(app: App, engine: sa.Engine) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        await ask(client, OF_A, phone=PHONE)
        await ask(client, OF_A, phone="19911112222")

    app.run(story)
    with engine.begin() as conn:
        rows = conn.execute(
            sa.text("SELECT who, action, target, merchant FROM ops.audit ORDER BY id")
        ).all()
        contact = conn.execute(
            sa.text("SELECT contact_id::text FROM crm.lead WHERE id = :id"),
            {"id": crowd.lead_of(3, "a", "s1")},
        ).scalar_one()
    assert [tuple(row) for row in rows] == [
        ("shop@a", "match contact", contact, "a"),
        ("shop@a", "match contact", "unknown", "a"),
    ]


def test_a_merchant_that_there_is_not_is_told_and_one_from_the_register_is_one(
    app: App, engine: sa.Engine
) -> None:
    async def story(client: httpx.AsyncClient) -> None:
        refused = await ask(client, merchant="c", phone=PHONE)
        assert (refused.status_code, refused.json()["detail"]["error"]) == (
            422,
            "unknown_merchant",
        )
        with engine.begin() as conn:
            add_merchant(conn, "c")
        assert (await ask(client, merchant="c", phone=PHONE)).json()["known"] is False

    app.run(story)


def test_several_keys_are_asked_for_at_once_strongest_first() -> None:
    keys = asked_keys({"phone": PHONE, "unionid": "u-1", "openid": "o", "app": "wx1"})

    assert [key.kind for key in keys] == [KeyKind.UNIONID, KeyKind.OPENID, KeyKind.MOBILE]


def test_a_wrong_checksum_is_told_without_the_number() -> None:
    with pytest.raises(RefusedError) as error:
        asked_keys({"id_number": "110101199001010010"})
    assert "1101" not in json.dumps([str(error.value), error.value.reason])
