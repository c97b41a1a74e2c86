"""One contact out of many leads, on a real database: what won, why, what lost; masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing
from hub.registry.files import pii_kinds
from hub.settings import FormSettings, HubSettings
from hub.steps.identity.contact_profile import Profiler
from hub.steps.lookup import NotFoundError, Viewer, show_contact
from tests.store.test_load import AT, Hub

pytestmark = pytest.mark.postgres
PHONE = "19900001234"
NAMES = ("张三", "张先生", "张三丰", "小张", "张女士", "张老师")
SETTINGS = HubSettings.model_validate(
    {
        "forms": {
            "f": FormSettings().model_dump(),
            "checked": {"verifies": ["name"]},
        }
    }
)


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    made = Hub(engine, keyring, SETTINGS)
    yield made
    for loader in made.loaders:
        loader.close()


def fill(hub: Hub, number: int, form: str = "f", **fields: Any) -> None:
    body = {
        "submission_id": str(number),
        "fields": {"手机": PHONE, **fields},
        "consent": {"privacy": True},
    }
    envelope = Envelope("form", json.dumps(body).encode(), context={"form": form})
    hub.store(f"form-{form}", [envelope], via=Via.FORM, at=AT + timedelta(minutes=number))
    hub.loader().drain()


def shown(hub: Hub, *, revealed_to: str | None = None) -> dict[str, Any]:
    viewer = Viewer(hub.keyring, pii_kinds(hub.settings), revealed_to)
    with hub.engine.begin() as conn:
        contact = conn.execute(sa.text("SELECT contact_id FROM crm.lead LIMIT 1")).scalar_one()
    return show_contact(hub.engine, viewer, Profiler.prepared(hub.settings), contact)


def test_six_names_one_phone_is_one_contact_with_all_values_and_a_reason(hub: Hub) -> None:
    for number, name in enumerate(NAMES):
        fill(hub, number, 姓名=name, 课程=("编程", "美术")[number % 2])
    found = shown(hub, revealed_to="a person")

    name = found["values"]["name"]
    assert (name["value"], name["why"], name["stated"]) == ("张三丰", "completeness", 6)
    assert sorted(one["value"] for one in name["conflicts"]) == sorted({*NAMES} - {"张三丰"})
    assert all(one["source"] == "form-f" and one["at"] for one in name["conflicts"])
    assert found["values"]["mobile_e164"]["why"] == "only value"
    assert len(found["leads"]) == 6


def test_a_screen_shows_it_masked(hub: Hub) -> None:
    for number, name in enumerate(NAMES[:3]):
        fill(hub, number, 姓名=name)

    text = json.dumps(shown(hub), ensure_ascii=False, default=str)

    assert PHONE not in text
    assert "张三" not in text
    assert "张**" in text


def test_what_a_form_verifies_wins(hub: Hub) -> None:
    fill(hub, 1, "checked", 姓名="李四")
    fill(hub, 2, 姓名="李四光")

    name = shown(hub, revealed_to="a person")["values"]["name"]

    assert (name["value"], name["why"], name["standing"]) == ("李四", "verified", "verified")


def test_a_stranger_is_not_found(hub: Hub) -> None:
    viewer = Viewer(hub.keyring, pii_kinds(hub.settings))
    fill(hub, 1)
    with hub.engine.begin() as conn:
        lead = conn.execute(sa.text("SELECT id FROM crm.lead")).scalar_one()

    with pytest.raises(NotFoundError):
        show_contact(hub.engine, viewer, Profiler.prepared(hub.settings), lead)
