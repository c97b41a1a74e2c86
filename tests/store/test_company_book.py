"""Companies as people read them: loaded by the real way of a lead, masked, with contacts, titles and evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.database.engine import driver
from hub.model.delivery import Envelope, Via
from hub.model.ids import uuid7
from hub.privacy.keyring import KeyRing
from hub.registry.files import pii_kinds
from hub.settings import FormSettings, HubSettings
from hub.steps.identity.companies import CompanyDesk, ensure_company
from hub.steps.identity.company_book import CompanyReader, list_companies, show_company
from hub.steps.identity.contact_profile import Profiler
from hub.steps.lookup import NotFoundError, Viewer, show_contact
from tests.store.test_companies import CODE, NOW
from tests.store.test_load import AT, Hub

pytestmark = pytest.mark.postgres
NAME = "测试科技有限公司"


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    made = Hub(engine, keyring, HubSettings(forms={"f": FormSettings()}))
    yield made
    for loader in made.loaders:
        loader.close()


def fill(hub: Hub, number: int, phone: int, **fields: Any) -> None:
    body = {
        "submission_id": str(number),
        "fields": {"手机": f"1990000{phone:04d}", **fields},
        "consent": {"privacy": True},
    }
    envelope = Envelope("form", json.dumps(body).encode(), context={"form": "f"})
    hub.store("form-f", [envelope], via=Via.FORM, at=AT + timedelta(minutes=number))
    hub.loader().drain()


def reader(hub: Hub, revealed_to: str | None = None) -> CompanyReader:
    viewer = Viewer(hub.keyring, pii_kinds(hub.settings), revealed_to)
    return CompanyReader(viewer, Profiler.prepared(hub.settings))


def only_company(hub: Hub) -> UUID:
    [row] = list_companies(hub.engine, reader(hub))
    found: UUID = row["company"]
    return found


def test_a_company_shows_its_contacts_and_what_links_them(hub: Hub) -> None:
    """张经理 and 张总监 are two contacts of one company, and a colleague is known by the domain of an e-mail."""
    fill(hub, 1, 1, 姓名="张经理", 公司=NAME, 邮箱="jingli@test-corp.com.cn")
    fill(hub, 2, 2, 姓名="张总监", 公司="测试科技有限责任公司")
    fill(hub, 3, 3, 姓名="李四", 邮箱="lisi@test-corp.com.cn")
    fill(hub, 4, 4, 姓名="王五", 邮箱="wangwu@qq.com")

    found = show_company(hub.engine, reader(hub, "a person"), only_company(hub))

    assert (found["company"], found["leads"]) == ("测试科技有限责任公司", 2)
    people = {one["name"]: one["evidence"] for one in found["contacts"]}
    assert people == {"张经理": ["name"], "张总监": ["name"], "李四": ["email_domain"]}
    assert len({one["contact"] for one in found["contacts"]}) == 3


def test_a_domain_of_two_companies_says_nothing(hub: Hub) -> None:
    fill(hub, 1, 1, 姓名="甲", 公司=NAME, 邮箱="a@test-corp.com.cn")
    fill(hub, 2, 2, 姓名="乙", 公司="另一测试有限公司", 邮箱="b@test-corp.com.cn")
    fill(hub, 3, 3, 姓名="丙", 邮箱="c@test-corp.com.cn")

    rows = list_companies(hub.engine, reader(hub))
    shown = [show_company(hub.engine, reader(hub, "a"), row["company"]) for row in rows]

    assert sorted(len(one["contacts"]) for one in shown) == [1, 1]


def test_a_contact_names_its_company_and_screens_are_masked(hub: Hub, engine: sa.Engine) -> None:
    fill(hub, 1, 1, 姓名="张三", 公司=NAME)
    company = only_company(hub)

    masked = json.dumps(
        [show_company(engine, reader(hub), company), list_companies(engine, reader(hub))],
        ensure_ascii=False,
        default=str,
    )

    assert "张三" not in masked
    assert NAME not in masked
    with engine.begin() as conn:
        contact = conn.execute(sa.text("SELECT contact_id FROM crm.lead")).scalar_one()
    shown = show_contact(engine, reader(hub).viewer, reader(hub).profiler, contact)
    assert shown["companies"] == [{"company": company, "evidence": ["name"], "leads": 1}]


def test_a_contracts_party_gives_the_name_and_a_branch_its_head(hub: Hub) -> None:
    fill(hub, 1, 1, 姓名="张三", 公司="测试科技")
    fill(hub, 2, 2, 姓名="李四", 公司=f"{NAME}上海分公司")
    desk = CompanyDesk("default", hub.keyring, NOW, uuid7)
    with hub.engine.begin() as conn:
        party = {"company": NAME, "company_credit_code": CODE}
        head = ensure_company(driver(conn), desk, UUID(int=1), party)

    assert head is not None
    rows = {row["name"]: row for row in list_companies(hub.engine, reader(hub, "a"))}
    assert rows[NAME]["credit_code"] == CODE
    branch = show_company(hub.engine, reader(hub), rows[f"{NAME}上海分公司"]["company"])
    assert branch["branch_of"] == head
    assert show_company(hub.engine, reader(hub), head)["documents"] == 1


def test_revealing_is_audited_and_a_stranger_is_not_found(hub: Hub) -> None:
    fill(hub, 1, 1, 姓名="张三", 公司=NAME)
    company = only_company(hub)
    show_company(hub.engine, reader(hub, "a person"), company)

    with hub.engine.begin() as conn:
        rows = conn.execute(sa.text("SELECT who, action, target FROM ops.audit")).all()
    assert [tuple(row) for row in rows] == [("a person", "reveal company", str(company))]
    with pytest.raises(NotFoundError):
        show_company(hub.engine, reader(hub), UUID(int=7))
