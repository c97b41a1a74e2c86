"""Who a customer is: which events are asked about, and what each answer of the platform becomes."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import respx

from hub.connectors.resolving import Answer, Ask, Found, Later, Never
from hub.connectors.wecom import CONNECTOR
from hub.errors import AuthorizationLostError, PlatformRejectedError
from hub.settings import SourceSettings
from tests.unit.connectors.wecom.calls import BASE, NOW, Time, a_session

SOURCE = SourceSettings.model_validate({"platform": "wecom", "options": {"corp_id": "ww0"}})
READ_AT = int(NOW.timestamp() * 1000)


def an_event(
    change: str = "add_external_contact", customer: str = "wm1", user: str = "zhangsan"
) -> Any:
    return {"event": {"ChangeType": change, "ExternalUserID": customer, "UserID": user}}


def a_follower(user: str, at: int, **more: Any) -> dict[str, Any]:
    return {"userid": user, "createtime": at, **more}


def page(*followers: dict[str, Any], cursor: str = "") -> httpx.Response:
    contact = {"external_userid": "wm1", "name": "李四", "type": 1}
    return httpx.Response(
        200,
        json={
            "errcode": 0,
            "external_contact": contact,
            "follow_user": list(followers),
            "next_cursor": cursor,
        },
    )


def resolved(*payloads: Any, replies: Any, **options: Any) -> list[Answer]:
    async def whole() -> list[Answer]:
        asks = [Ask("customer_event", payload, "contact") for payload in payloads]
        async with a_session(Time(), **options) as session:
            return list(await CONNECTOR.resolve(session, asks, SOURCE))

    with respx.mock as router:
        router.get(BASE + "externalcontact/get").mock(side_effect=replies)
        return asyncio.run(whole())


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ("add_external_contact", "contact"),
        ("add_half_external_contact", "contact"),
        ("edit_external_contact", "contact"),
        ("customer_start_chat", "contact"),
        ("del_external_contact", None),
        ("del_follow_user", None),
        ("transfer_fail", None),
        ("teleported", None),
    ],
)
def test_only_a_customer_who_is_there_is_asked_about(change: str, needed: str | None) -> None:
    assert CONNECTOR.needs("customer_event", an_event(change), SOURCE) == needed


@pytest.mark.parametrize(
    ("entity", "payload"),
    [
        ("customer_event", {**an_event(), "resolved": {"gone": True}}),
        ("customer_event", {"event": {"ChangeType": "add_external_contact"}}),
        ("customer_event", {"event": []}),
        ("customer_event", {}),
        ("acquisition_notice", an_event()),
        ("customer", an_event()),
    ],
)
def test_what_was_asked_about_or_names_nobody_needs_nothing(entity: str, payload: Any) -> None:
    assert CONNECTOR.needs(entity, payload, SOURCE) is None


def test_all_members_of_a_customer_are_found_page_by_page() -> None:
    tag = {"tag_name": "SEM"}
    first = a_follower("zhangsan", 1763784005, remark_mobiles=["19900000001"], tags=[tag])
    second = a_follower("lisi", 1763784000, remark_mobiles=["19900000002"], state="fair")

    (found,) = resolved(an_event(user="lisi"), replies=[page(first, cursor="c1"), page(second)])

    assert isinstance(found, Found)
    assert found.resolved == {
        "external_contact": {"external_userid": "wm1", "name": "李四", "type": 1},
        "follow_user": [first, second],
        "read_at": READ_AT,
        "relation": second,
        "first_added_at": 1763784000,
        "remark_mobiles": ["19900000001", "19900000002"],
        "tags": [tag],
    }


def test_one_customer_is_asked_about_once_and_each_event_has_its_own_member() -> None:
    events = [an_event(user="zhangsan"), an_event(user="lisi"), an_event(user="wangwu")]
    reply = page(a_follower("zhangsan", 2), a_follower("lisi", 1))

    found = resolved(*events, replies=[reply])

    relations = [
        a.resolved.get("relation", {}).get("userid") for a in found if isinstance(a, Found)
    ]
    assert relations == ["zhangsan", "lisi", None]


def test_a_customer_who_is_gone_is_still_a_lead() -> None:
    reply = httpx.Response(200, json={"errcode": 84061})

    assert resolved(an_event(), replies=[reply]) == [Found({"gone": True})]


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (40096, Never("bad_external_userid")),
        (45009, Later("rate_limited", after_s=60.0, counts=False)),
        (45033, Later("rate_limited", after_s=2.0, counts=False)),
        (-1, Later("platform_down")),
        (6000, Later("platform_down")),
    ],
)
def test_each_code_has_its_answer(code: int, answer: Answer) -> None:
    reply = httpx.Response(200, json={"errcode": code, "follow_user": []})

    assert resolved(an_event(), replies=[reply] * 9) == [answer]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (48002, PlatformRejectedError),
        (60020, PlatformRejectedError),
        (40001, AuthorizationLostError),
    ],
)
def test_what_is_wrong_with_the_application_is_wrong_with_all(
    code: int, error: type[Exception]
) -> None:
    replies = [httpx.Response(200, json={"errcode": code})] * 3
    with pytest.raises(error):
        resolved(an_event(customer="wm1"), an_event(customer="wm2"), replies=replies)


def test_answers_stand_in_the_order_of_the_asks() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        odd = request.url.params["external_userid"] in ("wm1", "wm3")
        return httpx.Response(200, json={"errcode": 84061 if odd else 40096})

    events = [an_event(customer=f"wm{n}") for n in range(1, 5)]
    kinds = [type(a) for a in resolved(*events, replies=answer, at_once=2)]

    assert kinds == [Found, Never, Found, Never]


def test_no_more_calls_than_allowed_are_open_at_a_time() -> None:
    open_now, most = 0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0)
        open_now -= 1
        return page()

    resolved(*[an_event(customer=f"wm{n}") for n in range(20)], replies=answer, at_once=3)

    assert most == 3


def test_an_event_that_names_nobody_is_never_resolved() -> None:
    assert resolved({"event": {}}, replies=[]) == [Never("no_customer")]
