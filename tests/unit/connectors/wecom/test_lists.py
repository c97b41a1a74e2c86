"""Lists and channel codes: resumed where they stopped, checked before anything is called."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx

from hub.connectors.base import Page, PullRequest
from hub.connectors.wecom import CONNECTOR, channels
from hub.errors import ConfigError, PlatformRejectedError
from hub.settings import SourceSettings
from tests.unit.connectors.wecom.calls import BASE, a_session

SOURCE = SourceSettings.model_validate(
    {"platform": "wecom", "options": {"corp_id": "ww0"}, "pull": {"page_size": 2}}
)
UNTIL = datetime(2026, 2, 17, tzinfo=UTC)
MEMBERS = [f"m{n:03d}" for n in range(150)]


def an_item(customer: str, member: str, at: int) -> dict[str, Any]:
    return {
        "external_contact": {"external_userid": customer},
        "follow_info": {"userid": member, "createtime": at},
    }


class Corp:
    """Two groups of members, five customers each; notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.dead_cursors: set[str] = set()

    def members(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"errcode": 0, "follow_user": MEMBERS[::-1]})

    def customers(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        first, cursor = asked["userid_list"][0], asked["cursor"]
        self.asked.append((first, cursor))
        if cursor in self.dead_cursors:
            return httpx.Response(200, json={"errcode": 40058})
        start = int(cursor.partition(":")[2] or 0)
        items = [an_item(f"wm-{first}-{n}", first, 100 + n) for n in range(5)]
        on = start + asked["limit"]
        shown = {"external_contact_list": items[start:on]}
        cursor = f"{first}:{on}" if on < 5 else ""
        return httpx.Response(200, json={"errcode": 0, **shown, "next_cursor": cursor})


def pulled(corp: Corp, cursor: dict[str, Any] | None = None) -> list[Page]:
    async def whole() -> list[Page]:
        request = PullRequest("customers", None, UNTIL, cursor or {})
        async with a_session() as session:
            return [page async for page in CONNECTOR.pages(session, request, SOURCE)]

    with respx.mock(assert_all_called=False) as router:
        router.get(BASE + "externalcontact/get_follow_user_list").mock(side_effect=corp.members)
        router.post(BASE + "externalcontact/batch/get_by_user").mock(side_effect=corp.customers)
        return asyncio.run(whole())


def ids_of(pages: list[Page]) -> list[str]:
    return [found for page in pages for found in page.external_ids]


def test_all_members_are_asked_about_a_hundred_at_a_time() -> None:
    corp = Corp()
    pages = pulled(corp)

    assert len(set(ids_of(pages))) == len(ids_of(pages)) == 10
    assert [first for first, cursor in corp.asked if not cursor] == ["m000", "m100"]
    assert pages[-1].cursor.keys() == {"known"}


def test_a_page_that_says_nothing_new_is_not_stored_again() -> None:
    first = pulled(Corp())
    again = pulled(Corp(), json.loads(json.dumps(first[-1].cursor)))

    assert all(page.envelope for page in first)
    assert not any(page.envelope for page in again)
    assert ids_of(again) == ids_of(first)
    assert again[-1].cursor == first[-1].cursor


def test_a_state_that_comes_back_is_stored_again() -> None:
    """A, then B, then A: the third is no repetition of the first."""

    def corp(at: int) -> Corp:
        made = Corp()
        reply = {"errcode": 0, "external_contact_list": [an_item("wm1", "a", at)]}
        made.customers = lambda _: httpx.Response(200, json=reply)  # type: ignore[assignment, method-assign]  # another corp for this test
        made.members = lambda _: httpx.Response(200, json={"errcode": 0, "follow_user": ["a"]})  # type: ignore[method-assign]  # as above
        return made

    cursor: Any = {}
    for at in (1, 2, 1):
        (page,) = pulled(corp(at), cursor)
        assert page.envelope
        cursor = page.cursor


def test_a_pull_that_stopped_goes_on_behind_the_last_page_stored() -> None:
    whole = pulled(Corp())
    for place, page in enumerate(whole[:-1]):
        rest = pulled(Corp(), json.loads(json.dumps(page.cursor)))
        assert ids_of(rest) == ids_of(whole[place + 1 :])


def test_a_cursor_of_members_that_are_no_longer_the_same_begins_anew() -> None:
    stale = {"resume": {"group": 1, "bounds": ["x", "y"], "cursor": "m100:2"}}

    assert len(ids_of(pulled(Corp(), stale))) == 10
    assert len(ids_of(pulled(Corp(), {"resume": {"group": 9, "bounds": [], "cursor": ""}}))) == 10


def test_a_cursor_that_the_platform_no_longer_takes_begins_the_group_anew() -> None:
    corp = Corp()
    corp.dead_cursors = {"m000:2"}
    resumed = {"resume": {"group": 0, "bounds": ["m000", "m099"], "cursor": "m000:2"}}
    with pytest.raises(PlatformRejectedError):
        pulled(corp, {})
    corp.asked.clear()
    corp.dead_cursors = {"gone"}
    resumed["resume"]["cursor"] = "gone"

    assert len(ids_of(pulled(corp, resumed))) == 10
    assert corp.asked[:2] == [("m000", "gone"), ("m000", "")]


def test_a_second_member_later_does_not_move_the_first_adding() -> None:
    def two(_: httpx.Request) -> httpx.Response:
        items = [an_item("wm1", "a", 100), an_item("wm1", "b", 300), {"follow_info": {}}]
        return httpx.Response(200, json={"errcode": 0, "external_contact_list": items})

    corp = Corp()
    corp.customers = two  # type: ignore[assignment, method-assign]  # another corp for this test
    corp.members = lambda _: httpx.Response(200, json={"errcode": 0, "follow_user": ["a", "b"]})  # type: ignore[method-assign]  # as above
    (page,) = pulled(corp)
    assert page.envelope is not None
    records = [json.loads(r.payload) for r in CONNECTOR.split(page.envelope, SOURCE)]

    assert [record.get("first_added_at") for record in records] == [100, 100, None]
    assert page.external_ids == ["wm1", "wm1"]


def test_a_corp_without_members_has_an_empty_page() -> None:
    corp = Corp()
    corp.members = lambda _: httpx.Response(200, json={"errcode": 0, "follow_user": []})  # type: ignore[method-assign]  # another corp for this test

    assert pulled(corp) == [Page(None, {}, [])]


def test_links_are_gone_through_and_resumed() -> None:
    def customers(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        start = int(asked["cursor"] or 0)
        listed = [{"external_userid": f"{asked['link_id']}-{n}"} for n in range(3)]
        cursor = "2" if start == 0 else ""
        shown = listed[start : start + 2]
        return httpx.Response(
            200, json={"errcode": 0, "customer_list": shown, "next_cursor": cursor}
        )

    def links(request: httpx.Request) -> httpx.Response:
        first = not json.loads(request.content)["cursor"]
        found = ["c", "a"] if first else ["b"]
        body = {"errcode": 0, "link_id_list": found, "next_cursor": "n" if first else ""}
        return httpx.Response(200, json=body)

    def go(cursor: Any) -> list[Page]:
        async def whole() -> list[Page]:
            request = PullRequest("acquisition_customers", None, UNTIL, cursor)
            async with a_session() as session:
                return [page async for page in CONNECTOR.pages(session, request, SOURCE)]

        path = BASE + "externalcontact/customer_acquisition/"
        with respx.mock as router:
            router.post(path + "list_link").mock(side_effect=links)
            router.post(path + "customer").mock(side_effect=customers)
            return asyncio.run(whole())

    pages = go({})

    assert ids_of(pages) == [f"{link}-{n}" for link in "abc" for n in range(3)]
    for place, page in enumerate(pages[:-1]):
        assert ids_of(go(page.cursor)) == ids_of(pages[place + 1 :])
    assert pages[-1].cursor == {}


def test_a_stream_of_another_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="customers"):
        CONNECTOR.pages(a_session(), PullRequest("clue", None, UNTIL), SOURCE)


@pytest.mark.parametrize(
    ("state", "users", "remark"),
    [
        ("", ["a"], ""),
        ("x" * 31, ["a"], ""),
        ("x", [], ""),
        ("x", ["a"] * 101, ""),
        ("x", ["a"], "注" * 31),
    ],
)
def test_a_contact_way_that_the_platform_would_cut_is_not_made(
    state: str, users: list[str], remark: str
) -> None:
    with respx.mock, pytest.raises(ConfigError):
        asyncio.run(channels.add_contact_way(a_session(), state=state, users=users, remark=remark))


def test_calls_for_channels_are_as_documented() -> None:
    async def whole() -> None:
        async with a_session() as session:
            way = await channels.add_contact_way(
                session, state="bd_sem_01", users=["zhangsan", "lisi"], remark="SEM"
            )
            assert way == channels.ContactWay("c1", "https://q")
            assert await channels.create_link(session, name="春节", users=["a"]) == (
                "l1",
                "https://u",
            )
            assert await channels.link_url(session, "l1") == "https://u"
            assert await channels.acquisition_quota(session) == channels.Quota(1000, 20)

    with respx.mock as router:
        way = router.post(BASE + channels.ADD_WAY_PATH).respond(
            json={"errcode": 0, "config_id": "c1", "qr_code": "https://q"}
        )
        link = {"errcode": 0, "link": {"link_id": "l1", "url": "https://u"}}
        router.post(BASE + channels.CREATE_LINK_PATH).respond(json=link)
        router.post(BASE + channels.LINK_PATH).respond(json=link)
        router.get(BASE + "externalcontact/customer_acquisition_quota").respond(
            json={"errcode": 0, "total": 1000, "balance": 20, "quota_list": []}
        )
        asyncio.run(whole())

        assert json.loads(way.calls[0].request.content) == {
            "type": 2,
            "scene": 2,
            "state": "bd_sem_01",
            "skip_verify": True,
            "user": ["zhangsan", "lisi"],
            "remark": "SEM",
            "is_temp": False,
        }


def test_a_channel_is_put_behind_a_link() -> None:
    url = channels.LINK_PREFIX + "cawcde"

    assert (
        channels.link_with_channel(url, "展会 1")
        == url + "?customer_channel=%E5%B1%95%E4%BC%9A%201"
    )
    assert channels.link_with_channel(url + "?a=b", "x" * 64).endswith(
        "&customer_channel=" + "x" * 64
    )


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        (channels.LINK_PREFIX + "c", ""),
        (channels.LINK_PREFIX + "c", "x" * 65),
        (channels.LINK_PREFIX + "c", "中" * 22),
        (channels.LINK_PREFIX + "c?customer_channel=x", "y"),
        ("https://example.com/ca/c", "y"),
    ],
)
def test_a_channel_that_the_platform_would_cut_is_refused(url: str, channel: str) -> None:
    with pytest.raises(ConfigError):
        channels.link_with_channel(url, channel)
