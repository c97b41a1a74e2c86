"""A platform is told what became of its lead: the right id, once, by somebody with a name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from hub.connectors import meituan
from hub.connectors.meituan.signing import Profile, sign
from hub.errors import ConfigError, PlatformRejectedError
from hub.model.delivery import Envelope
from hub.privacy.keyring import KeyRing
from hub.registry.files import schema_files
from hub.settings import SourceSettings
from hub.steps.lookup import NotFoundError
from hub.steps.publish import check_named, publish_checked
from hub.steps.sources.authorize import finish_authorization
from hub.steps.sources.grant import grant_of
from hub.steps.sources.write_back import Told, prepare_follow_up, send_follow_up
from tests.store.test_load import AT, Hub, a_push, settings_with
from tests.store.test_meituan_first_contact import a_message

pytestmark = pytest.mark.postgres
SIGN_KEY, SECRET_ENV = "demoSignKey", "HUB_TEST_MEITUAN_KEY"
EXAMPLE = Path(meituan.__file__).with_name("example.yaml")
PAYLOADS = Path(__file__).parents[1] / "payloads"
MEITUAN = SourceSettings(
    platform="meituan",
    push="message_push",
    options={
        "app_id": "100001",
        "secret_env": SECRET_ENV,
        "followup_fields": {"external_id": "demoId", "state": "demoStatus"},
    },
)
SOURCES = {
    "meituan": MEITUAN,
    "form": SourceSettings(platform="xiaohongshu", push="form_push"),
    "ads": SourceSettings(platform="douyin", push="clue_push", account="1700000000000001"),
    "star": SourceSettings(platform="douyin", pulls=("star_clue",)),
    "hotline": SourceSettings(platform="call400", push="tccc_cdr"),
}


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv(SECRET_ENV, SIGN_KEY)
    made = Hub(engine, keyring, settings_with(**SOURCES))
    yield made
    for loader in made.loaders:
        loader.close()


class Platform:
    """Remembers what it is told; `body` is its answer."""

    def __init__(self, body: Any = None, status: int = 200) -> None:
        self.requests: list[httpx.Request] = []
        self._body, self._status = {} if body is None else body, status

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self._status, json=self._body)


def a_form() -> Envelope:
    payload = json.loads((PAYLOADS / "xiaohongshu/form_push/1-0-0.json").read_text("utf-8"))
    outer = {"timestamp": payload.pop("timestamp"), "source": payload.pop("source")}
    return Envelope("form_push", json.dumps({**outer, "data": payload}).encode())


def a_star_lead() -> Envelope:
    payload = json.loads((PAYLOADS / "douyin/star_clue/1-0-0.json").read_text("utf-8"))
    page = {"code": 0, "data": {"page_info": {"page": 1}, "list": [payload]}}
    return Envelope("star_clue", json.dumps(page).encode())


def loaded(hub: Hub, source_key: str, envelope: Envelope) -> UUID:
    """The id of the one lead that a delivery makes."""
    hub.store(source_key, [envelope])
    hub.loader().drain()
    [found] = hub.lead_docs()
    return found


def tell(hub: Hub, lead: UUID, state: str, platform: Platform) -> None:
    prepared = prepare_follow_up(hub.engine, hub.keyring, hub.settings, lead, Told(state))
    send_follow_up(
        hub.engine, hub.keyring, hub.settings, prepared, who="测试一", clock=lambda: AT,
        http=platform.client,
    )  # fmt: skip


def audited(hub: Hub) -> list[tuple[str, str, str]]:
    with hub.engine.begin() as conn:
        rows = conn.execute(sa.text("SELECT who, action, target FROM ops.audit")).all()
    return [(row[0], row[1], row[2]) for row in rows if row[1].startswith("tell")]


def test_a_valid_form_is_told_by_its_four_ids_and_written_down(hub: Hub) -> None:
    lead, platform = loaded(hub, "form", a_form()), Platform({"code": 0, "success": True})

    tell(hub, lead, "valid", platform)

    [request] = platform.requests
    assert str(request.url) == "https://www.xiaohongshu.com/api/hawking/leads/return"
    assert json.loads(request.content) == {
        "campaignId": "C1", "unitId": "U1", "creativityId": "R1", "leadsId": "L1",
    }  # fmt: skip
    assert audited(hub) == [("测试一", "tell platform: valid", str(lead))]


@pytest.mark.parametrize(
    ("body", "status"), [({"code": 7}, 200), ({"success": False}, 200), ({}, 403)]
)
def test_a_platform_that_says_no_is_heard(hub: Hub, body: dict[str, Any], status: int) -> None:
    lead, platform = loaded(hub, "form", a_form()), Platform(body, status)

    with pytest.raises(PlatformRejectedError):
        tell(hub, lead, "valid", platform)

    assert len(platform.requests) == 1
    assert len(audited(hub)) == 1


def test_preparing_sends_nothing_and_writes_nothing(hub: Hub) -> None:
    lead = loaded(hub, "form", a_form())
    prepared = prepare_follow_up(hub.engine, hub.keyring, hub.settings, lead, Told("valid"))

    assert prepared.call.document["leadsId"] == "L1"
    assert audited(hub) == []


def test_meituan_is_told_with_its_token_and_signed(hub: Hub) -> None:
    checked = check_named(
        schema_files(hub.settings),
        str(EXAMPLE),
    )
    publish_checked(hub.engine, checked, merchant="", published_by="test", reason="first contact")
    grant = grant_of(hub.engine, hub.keyring, hub.settings, "meituan", http=granting)
    finish_authorization(grant, code="demo-code", now=AT)
    envelope = a_message(MEITUAN, 1, demo_phone="19900000001")
    lead, platform = loaded(hub, "meituan", envelope), Platform({"code": "OP_SUCCESS"})

    tell(hub, lead, "2", platform)

    fields = dict(parse_qsl(platform.requests[0].content.decode()))
    assert fields["appAuthToken"] == "demo_at"
    assert json.loads(fields["biz"]) == {"demoId": "1", "demoStatus": "2"}
    assert fields["sign"] == sign(Profile.MTOP, fields, SIGN_KEY)


def test_a_follow_up_that_got_no_answer_is_not_added_twice(hub: Hub) -> None:
    lead, platform = loaded(hub, "form", a_form()), Platform(status=502)

    with pytest.raises(Exception, match="502"):
        tell(hub, lead, "valid", platform)

    assert len(platform.requests) == 1


def test_a_clue_is_named_by_its_own_id(hub: Hub) -> None:
    lead = loaded(hub, "ads", a_push("7400000000000000009"))
    prepared = prepare_follow_up(hub.engine, hub.keyring, hub.settings, lead, Told("paid"))

    assert prepared.call.document["clue_id"] == "7400000000000000009"


def test_what_cannot_be_told_says_why(hub: Hub) -> None:
    body = {"SessionId": "s-1", "Caller": "19900000001", "Direction": 0, "EndStatus": 1}
    lead = loaded(hub, "hotline", Envelope("tccc_cdr", json.dumps(body).encode()))

    with pytest.raises(ConfigError, match="call400 cannot be told"):
        prepare_follow_up(hub.engine, hub.keyring, hub.settings, lead, Told("paid"))
    with pytest.raises(NotFoundError):
        prepare_follow_up(hub.engine, hub.keyring, hub.settings, UUID(int=1), Told("paid"))


def test_a_lead_without_an_id_of_the_platforms_own_cannot_be_told(hub: Hub) -> None:
    """The id that we made of its fields means nothing to the platform."""
    lead = loaded(hub, "star", a_star_lead())

    with pytest.raises(ConfigError, match="no id"):
        prepare_follow_up(hub.engine, hub.keyring, hub.settings, lead, Told("paid"))


def granting() -> httpx.Client:
    data = {"accessToken": "demo_at", "expireIn": 2592000, "refreshToken": "demo_rt"}
    answer = httpx.Response(200, json={"code": 0, "data": data})
    return httpx.Client(transport=httpx.MockTransport(lambda _: answer))
