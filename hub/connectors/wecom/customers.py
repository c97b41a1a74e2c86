"""The customers of all members, by pull: what the events lost (notes §3). Shows the present state only.

The list cannot be asked since when: each pull goes over all of it, and keeps the pages that the last
whole pull has not met. So pull once a day. Cursor: `known` are keyed digests of the last pull's pages;
inside a pull `met` are those of this one, and `resume` names the group of members and the platform's own
cursor.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hub.connectors.base import Page, PullRequest
from hub.connectors.wecom.client import WecomSession, read_answer
from hub.errors import PlatformRejectedError
from hub.model.delivery import Envelope, RawRecord
from hub.settings import SourceSettings

STREAM, ENTITY = "customers", "customer"
MEMBERS_PATH = "externalcontact/get_follow_user_list"
PATH = "externalcontact/batch/get_by_user"
_MAX_MEMBERS = 100
_MAX_PAGE = 100
_REJECTED_CURSOR = "40058"
_NEVER = 1 << 62


class _Members(msgspec.Struct):
    follow_user: list[str] = []


class _Listing(msgspec.Struct):
    external_contact_list: list[msgspec.Raw]
    next_cursor: str = ""


class _Customer(msgspec.Struct):
    external_userid: str


class _Follow(msgspec.Struct):
    userid: str = ""
    createtime: int = 0


class _Item(msgspec.Struct):
    external_contact: _Customer
    follow_info: _Follow


@dataclass(slots=True)
class _Place:
    """Where a pull is: the members of its group, and the platform's cursor ("" at the start)."""

    members: tuple[str, ...]
    cursor: str


async def customer_pages(
    session: WecomSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of all groups of members, from where an interrupted pull stopped.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good.
    """
    members = await _members(session)
    groups = [members[i : i + _MAX_MEMBERS] for i in range(0, len(members), _MAX_MEMBERS)]
    known = frozenset(request.cursor.get("known", ()))
    first, cursor = _resumed(request.cursor, groups)
    met: list[str] = list(request.cursor.get("met", ())) if first or cursor else []
    earliest: dict[str, int] = {}
    if not groups:
        yield Page(None, {}, [])
    for number in range(first, len(groups)):
        place = _Place(tuple(groups[number]), cursor if number == first else "")
        async for listing in _listings(session, place, source.pull.page_size):
            ids, body = _page(listing, earliest)
            met.append(session.ports.fingerprint("wecom-page", hashlib.sha256(body).hexdigest()))
            is_new = bool(listing.external_contact_list) and met[-1] not in known
            resume = _next(number, groups, listing.next_cursor)
            kept = {"known": sorted(known), "met": met} if resume else {"known": met}
            yield Page(Envelope(STREAM, body) if is_new else None, {**kept, **resume}, ids)


async def _members(session: WecomSession) -> tuple[str, ...]:
    """The members whose customers are pulled, in an order that stays."""
    if session.options.members:
        return tuple(sorted(session.options.members))
    listed = read_answer(await session.get(MEMBERS_PATH), _Members)
    return tuple(sorted(set(listed.follow_user)))


def _resumed(cursor: Mapping[str, Any], groups: Sequence[tuple[str, ...]]) -> tuple[int, str]:
    """Group and cursor to go on from; the start where the group is no longer what it was."""
    resume = cursor.get("resume")
    if not resume or resume["group"] >= len(groups):
        return 0, ""
    group = groups[resume["group"]]
    same = [group[0], group[-1]] == resume["bounds"]
    return (resume["group"], resume["cursor"]) if same else (0, "")


def _next(number: int, groups: Sequence[tuple[str, ...]], cursor: str) -> dict[str, Any]:
    """What the next pull starts from if this page is the last one stored."""
    group = number if cursor else number + 1
    if group >= len(groups):
        return {}
    bounds = [groups[group][0], groups[group][-1]]
    return {"resume": {"group": group, "bounds": bounds, "cursor": cursor}}


async def _listings(
    session: WecomSession, place: _Place, page_size: int
) -> AsyncIterator[_Listing]:
    cursor = place.cursor
    for _ in range(session.options.max_pages):
        document = {
            "userid_list": list(place.members),
            "cursor": cursor,
            "limit": min(page_size, _MAX_PAGE),
        }
        try:
            body = await session.post(PATH, document)
        except PlatformRejectedError as error:
            # How long a cursor lives is not documented; one that is no longer taken means: from the start.
            if error.code != _REJECTED_CURSOR or not cursor or cursor != place.cursor:
                raise
            cursor = place.cursor = ""
            continue
        listing = _listing(body)
        yield listing
        if not listing.next_cursor or listing.next_cursor == cursor:
            return
        cursor = listing.next_cursor
    raise PlatformRejectedError("a list never ends: see options.max_pages", code="endless")


def _listing(body: bytes) -> _Listing:
    try:
        return msgspec.json.decode(body, type=_Listing)
    except (ValueError, RecursionError):
        raise PlatformRejectedError("the platform's page holds no list", code="shape") from None


def _page(listing: _Listing, earliest: dict[str, int]) -> tuple[list[str], bytes]:
    """Ids of a page, and its body: each item, with the first adding of that customer met so far."""
    ids, items = [], []
    for raw in listing.external_contact_list:
        first: int | None = None
        try:
            item = msgspec.json.decode(raw, type=_Item)
        except (ValueError, RecursionError):
            pass  # stored all the same: its contract says what is wrong with it
        else:
            customer, added = item.external_contact.external_userid, item.follow_info.createtime
            ids.append(customer)
            first = min(added or _NEVER, earliest.get(customer, _NEVER))
            earliest[customer] = first
        items.append({"item": raw, "first_added_at": None if first == _NEVER else first})
    return ids, msgspec.json.encode({"customers": items})


class _Stored(msgspec.Struct):
    item: dict[str, msgspec.Raw]
    first_added_at: int | None = None


class _Body(msgspec.Struct):
    customers: list[msgspec.Raw]


def split_page(envelope: Envelope, corp_id: str) -> list[RawRecord]:
    """One record an item: its members as they came, beside `corp_id` and `first_added_at`."""
    try:
        stored = msgspec.json.decode(envelope.body, type=_Body).customers
        msgspec.json.decode(envelope.body)  # a raw value is skipped, not looked into
    except (ValueError, RecursionError):
        return [RawRecord(ENTITY, envelope.body, unreadable="not_readable")]
    return [_record(raw, corp_id) for raw in stored]


def _record(raw: msgspec.Raw, corp_id: str) -> RawRecord:
    try:
        found = msgspec.json.decode(raw, type=_Stored)
    except (ValueError, RecursionError):
        return RawRecord(ENTITY, bytes(raw), unreadable="not_an_object")
    record: dict[str, Any] = {**found.item, "corp_id": corp_id}
    if found.first_added_at is not None:
        record["first_added_at"] = found.first_added_at
    return RawRecord(ENTITY, msgspec.json.encode(record), account=corp_id or None)
