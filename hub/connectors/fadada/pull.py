"""What 法大大 shows when asked: an owner's tasks by the time they were begun, and each that has not ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec

from hub.connectors.base import Page, PullRequest
from hub.connectors.fadada.client import FadadaSession, data_of
from hub.connectors.open_flows import GONE, Rounds, open_flow_pages, split_flows
from hub.connectors.source_options import require_option
from hub.connectors.windows import Ask, Listing, Plan, TimedList, windowed_pages
from hub.model.delivery import Envelope, RawRecord
from hub.settings import SourceSettings

LIST, OPEN = "signings", "open_signings"
STREAMS = (LIST, OPEN)
ENTITY = "signing_detail"
LIST_PATH = "/sign-task/owner/get-list"
_MAX_PAGE = 100


class _Item(msgspec.Struct):
    signTaskId: str | None = None  # noqa: N815 -- the platform's name


class _Tasks(msgspec.Struct):
    signTasks: list[msgspec.Raw] | None = None  # noqa: N815 -- the platform's name
    totalCount: int | None = None  # noqa: N815 -- the platform's name
    listPageCount: int | None = None  # noqa: N815 -- the platform's name


class _Page(msgspec.Struct):
    data: _Tasks


def task_list(
    session: FadadaSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of the list; errors as `hub.connectors.windows.windowed_pages`.

    Raises:
        ConfigError: whose tasks are listed is not set.
    """
    options = session.options
    owner = require_option(options.owner_id, "owner_id", "fadada")
    plan = Plan(
        chunks=((owner,),),
        page_size=min(source.pull.page_size, _MAX_PAGE),
        step=timedelta(days=options.window_days),
        first=timedelta(days=source.pull.first_days),
        overlap=timedelta(seconds=max(source.pull.overlap_s, 1)),
        max_pages=options.max_pages,
    )

    async def ask(page: Ask) -> bytes:
        document: dict[str, Any] = {
            "ownerId": {"idType": options.owner_type, "openId": owner},
            "listFilter": {
                "startTimeFrom": str(int(page.start.timestamp() * 1000)),
                "startTimeTo": str(int(page.end.timestamp() * 1000)),
            },
            "listPageNo": page.number,
            "listPageSize": page.size,
        }
        if options.owner_role:
            document["ownerRole"] = options.owner_role
        return await session.post(LIST_PATH, document)

    return windowed_pages(TimedList(LIST, ask, read_page, _identity), plan, request)


def open_tasks(
    session: FadadaSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of the details of tasks that have not ended; errors as `hub.connectors.open_flows`."""
    options = session.options
    rounds = Rounds(
        min_age=timedelta(hours=options.open_after_h),
        every=timedelta(hours=options.open_every_h),
        overlap=timedelta(seconds=source.pull.overlap_s),
        page_size=min(source.pull.page_size, _MAX_PAGE),
    )

    async def ask(task: str) -> bytes:
        return data_of(await session.post(options.detail_path, {"signTaskId": task}))

    return open_flow_pages(OPEN, ask, request, rounds, clock=session.ports.now)


def read_page(body: bytes) -> Listing | None:
    """The tasks on a page, None if it holds no list."""
    try:
        found = msgspec.json.decode(body, type=_Page).data
    except (ValueError, RecursionError):
        return None
    if found.signTasks is None and found.totalCount != 0:
        return None
    return Listing(found.signTasks or [], found.totalCount, found.listPageCount)


def _identity(item: bytes) -> str | None:
    try:
        return msgspec.json.decode(item, type=_Item).signTaskId
    except (ValueError, RecursionError):
        return None


def split_page(envelope: Envelope) -> list[RawRecord]:
    """One record a task: `detail` as the platform shows it."""
    if envelope.shape == OPEN:
        return split_flows(envelope, ENTITY, _of_answer)
    listing = read_page(envelope.body)
    try:
        msgspec.json.decode(envelope.body)  # a raw value is skipped, not looked into
    except (ValueError, RecursionError):
        listing = None
    if listing is None:
        return [RawRecord(ENTITY, envelope.body, unreadable="not_readable")]
    return [_of_item(item) for item in listing.items]


def _of_item(item: bytes) -> RawRecord:
    detail = msgspec.json.decode(item)
    if not isinstance(detail, dict):
        return RawRecord(ENTITY, bytes(item), unreadable="not_an_object")
    return RawRecord(ENTITY, msgspec.json.encode({"detail": detail}))


def _of_answer(task: dict[str, Any]) -> dict[str, Any]:
    head = {"id": task["id"], "read_at": task["read_at"]}
    detail = task.get("answer")
    return {**head, "detail": detail} if isinstance(detail, dict) else {**head, GONE: True}
