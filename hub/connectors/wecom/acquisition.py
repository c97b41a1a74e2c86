"""Who came through acquisition links (获客助手, notes §5), by pull: the channel of a customer, and if he wrote.

Links first, then the customers of each, in pages. Cursor: inside a pull `resume` names the link and the
platform's own cursor; after the last page it is empty, and the next pull goes over all links anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from hub.connectors.base import Page, PullRequest
from hub.connectors.wecom.client import WecomSession, read_answer
from hub.errors import PlatformRejectedError
from hub.model.delivery import Envelope, RawRecord
from hub.settings import SourceSettings

STREAM, ENTITY = "acquisition_customers", "acquisition_customer"
LINKS_PATH = "externalcontact/customer_acquisition/list_link"
PATH = "externalcontact/customer_acquisition/customer"
_MAX_LINKS, _MAX_PAGE = 100, 1000


class _Links(msgspec.Struct):
    link_id_list: list[str] = []
    next_cursor: str = ""


class _Listing(msgspec.Struct):
    customer_list: list[msgspec.Raw]
    next_cursor: str = ""


class _Customer(msgspec.Struct):
    external_userid: str


class _Body(msgspec.Struct):
    link_id: str
    customers: list[msgspec.Raw]


async def link_ids(session: WecomSession) -> list[str]:
    """The ids of all links of the application, sorted.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: as `WecomSession.post`.
    """
    found: set[str] = set()
    cursor = ""
    for _ in range(session.options.max_pages):
        body = await session.post(LINKS_PATH, {"limit": _MAX_LINKS, "cursor": cursor})
        listing = read_answer(body, _Links)
        found.update(listing.link_id_list)
        if not listing.next_cursor or listing.next_cursor == cursor:
            return sorted(found)
        cursor = listing.next_cursor
    raise PlatformRejectedError("a list never ends: see options.max_pages", code="endless")


async def acquisition_pages(
    session: WecomSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of all links, from where an interrupted pull stopped; a link that is gone is left out.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good.
    """
    links = await link_ids(session)
    resume: Mapping[str, Any] = request.cursor.get("resume") or {}
    begun = str(resume.get("link", ""))
    left = [link for link in links if link >= begun]
    if not left:
        yield Page(None, {}, [])
    for place, link in enumerate(left):
        cursor = str(resume.get("cursor", "")) if link == begun else ""
        then = left[place + 1] if place + 1 < len(left) else None
        async for page in _link_pages(session, link, cursor, then, source.pull.page_size):
            yield page


async def _link_pages(
    session: WecomSession, link: str, cursor: str, then: str | None, page_size: int
) -> AsyncIterator[Page]:
    """The pages of one link; `then` is the link that comes after it."""
    for _ in range(session.options.max_pages):
        document = {"link_id": link, "limit": min(page_size, _MAX_PAGE), "cursor": cursor}
        try:
            listing = msgspec.json.decode(await session.post(PATH, document), type=_Listing)
        except (ValueError, RecursionError):
            raise PlatformRejectedError(
                "the platform's page holds no list", code="shape"
            ) from None
        is_last = not listing.next_cursor or listing.next_cursor == cursor
        cursor = listing.next_cursor
        yield _page(link, listing, (then, "") if is_last else (link, cursor))
        if is_last:
            return
    raise PlatformRejectedError("a list never ends: see options.max_pages", code="endless")


def _page(link: str, listing: _Listing, on: tuple[str | None, str]) -> Page:
    ids = [found for found in map(_id, listing.customer_list) if found]
    resume = {} if on[0] is None else {"resume": {"link": on[0], "cursor": on[1]}}
    if not listing.customer_list:
        return Page(None, resume, ids)
    body = msgspec.json.encode({"link_id": link, "customers": listing.customer_list})
    return Page(Envelope(STREAM, body), resume, ids)


def _id(raw: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=_Customer).external_userid
    except (ValueError, RecursionError):
        return None


def split_page(envelope: Envelope, corp_id: str) -> list[RawRecord]:
    """One record a customer: its members as they came, beside `corp_id` and `link_id`."""
    try:
        page = msgspec.json.decode(envelope.body, type=_Body)
        msgspec.json.decode(envelope.body)  # a raw value is skipped, not looked into
    except (ValueError, RecursionError):
        return [RawRecord(ENTITY, envelope.body, unreadable="not_readable")]
    return [_record(raw, page.link_id, corp_id) for raw in page.customers]


def _record(raw: msgspec.Raw, link: str, corp_id: str) -> RawRecord:
    try:
        item = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return RawRecord(ENTITY, bytes(raw), unreadable="not_an_object")
    record = msgspec.json.encode({**item, "link_id": link, "corp_id": corp_id})
    return RawRecord(ENTITY, record, account=corp_id or None)
