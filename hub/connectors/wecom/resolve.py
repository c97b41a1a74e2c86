"""What an event does not carry: who the customer is (notes §3). The event is a hint, this is the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hub.connectors.resolving import RESOLVED, Answer, Ask, Found, Later, Never
from hub.connectors.wecom.client import WecomSession
from hub.connectors.wecom.errors import BAD_CUSTOMER, NO_RELATION
from hub.connectors.wecom.push import CUSTOMER_EVENT
from hub.errors import (
    AuthorizationLostError,
    PlatformRejectedError,
    RateLimitedError,
    TransientError,
)

PATH = "externalcontact/get"
CONTACT = "contact"
ASKED_ABOUT = frozenset(
    (
        "add_external_contact",
        "add_half_external_contact",
        "edit_external_contact",
        "customer_start_chat",
    )
)
_MAX_PAGES = 100


class _Contact(msgspec.Struct):
    external_contact: dict[str, Any]
    follow_user: list[dict[str, Any]] = []
    next_cursor: str = ""


def needs(entity: str, payload: Mapping[str, Any]) -> str | None:
    """`contact` for an event of a customer who is there, and has not been asked about yet."""
    if entity != CUSTOMER_EVENT or RESOLVED in payload:
        return None
    event = payload.get("event")
    if not isinstance(event, Mapping) or not _customer(event):
        return None
    return CONTACT if event.get("ChangeType") in ASKED_ABOUT else None


async def resolve(session: WecomSession, asks: Sequence[Ask]) -> list[Answer]:
    """An answer for each ask, in order; `options.at_once` calls at a time, one for a customer.

    Raises:
        AuthorizationLostError: the token is refused, for all of them.
        PlatformRejectedError: the application may not ask, for all of them.
    """
    room = asyncio.Semaphore(session.options.at_once)
    customers = [_customer(ask.payload.get("event")) for ask in asks]
    known: dict[str, Answer] = {}

    async def find(customer: str) -> None:
        async with room:
            known[customer] = await _asked(session, customer)

    async def whole() -> None:
        async with asyncio.TaskGroup() as tasks:
            for customer in dict.fromkeys(filter(None, customers)):
                tasks.create_task(find(customer))

    try:
        await whole()
    except ExceptionGroup as group:
        raise _first(group) from None
    pairs = zip(asks, customers, strict=True)
    return [_answer(ask, known[who]) if who else Never("no_customer") for ask, who in pairs]


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """One error of a group: the first, which is what is wrong with all."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner


async def _asked(session: WecomSession, customer: str) -> Answer:
    try:
        return Found(await contact(session, customer))
    except RateLimitedError as error:
        return Later("rate_limited", after_s=error.retry_after_s, counts=False)
    except TransientError as error:
        return Later("platform_down", after_s=error.retry_after_s)
    except AuthorizationLostError:
        raise
    except PlatformRejectedError as error:
        if error.code == str(NO_RELATION):
            return Found({"gone": True})
        if error.code == str(BAD_CUSTOMER):
            return Never("bad_external_userid")
        raise


async def contact(session: WecomSession, customer: str) -> dict[str, Any]:
    """A customer with all members who follow: what the platform says, and `read_at` (Unix milliseconds).

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: as `WecomSession.get`.
    """
    cursor, followers = "", []
    read_at = int(session.clock().timestamp() * 1000)
    for _ in range(_MAX_PAGES):
        query = {"external_userid": customer, **({"cursor": cursor} if cursor else {})}
        body = await session.get(PATH, query)
        try:
            page = msgspec.json.decode(body, type=_Contact)
        except (ValueError, RecursionError):
            raise PlatformRejectedError(
                "the platform's contact has another shape", code="shape"
            ) from None
        followers += page.follow_user
        cursor = page.next_cursor
        if not cursor:
            break
    return {
        "external_contact": page.external_contact, "follow_user": followers, "read_at": read_at
    }  # fmt: skip


def _answer(ask: Ask, answer: Answer) -> Answer:
    """The answer with what belongs to this event's member, and what all members together say."""
    if not isinstance(answer, Found) or "follow_user" not in answer.resolved:
        return answer
    event = ask.payload["event"]
    followers = answer.resolved["follow_user"]
    own = next((one for one in followers if one.get("userid") == event.get("UserID")), None)
    added = [one["createtime"] for one in followers if type(one.get("createtime")) is int]
    together = {
        "relation": own,
        "first_added_at": min(added, default=None),
        "remark_mobiles": _joined(followers, "remark_mobiles"),
        "tags": _joined(followers, "tags"),
    }
    said = {name: value for name, value in together.items() if value not in (None, [])}
    return Found({**answer.resolved, **said})


def _joined(followers: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """The members of a list of every follower, one after the other."""
    lists = (one.get(name) for one in followers)
    return [each for found in lists if isinstance(found, list) for each in found]


def _customer(event: object) -> str:
    found = event.get("ExternalUserID") if isinstance(event, Mapping) else None
    return found if isinstance(found, str) else ""
