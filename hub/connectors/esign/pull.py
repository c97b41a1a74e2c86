"""What e签宝 shows when asked: flows by the time they were begun, and each flow that has not ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from hub.connectors.base import Page, PullRequest
from hub.connectors.esign.client import EsignSession, data_of
from hub.connectors.esign.errors import FLOW_NOT_FOUND
from hub.connectors.open_flows import GONE, Rounds, open_flow_pages, split_flows
from hub.connectors.windows import Ask, Listing, Plan, TimedList, windowed_pages
from hub.errors import PlatformRejectedError
from hub.model.delivery import Envelope, RawRecord
from hub.settings import SourceSettings

LIST, OPEN = "signings", "open_signings"
STREAMS = (LIST, OPEN)
ENTITY = "signing_detail"
_MAX_PAGE = 100
_SIGNED, _DISSOLVED = 2, 3
_KEPT = timedelta(days=5 * 365 - 1)  # the list goes back five years


class _Head(msgspec.Struct):
    signFlowId: str | None = None  # noqa: N815 -- the platform's name


class _Infos(msgspec.Struct):
    signFlowInfos: list[msgspec.Raw] | None = None  # noqa: N815 -- the platform's name
    total: int | None = None


class _Page(msgspec.Struct):
    data: _Infos


def flow_list(
    session: EsignSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of the list; errors as `hub.connectors.windows.windowed_pages`."""
    options = session.options
    plan = Plan(
        chunks=((),),
        page_size=min(source.pull.page_size, _MAX_PAGE),
        step=timedelta(days=options.window_days),
        first=timedelta(days=source.pull.first_days),
        overlap=timedelta(seconds=max(source.pull.overlap_s, 1)),
        max_pages=options.max_pages,
        earliest=request.until - _KEPT,
    )

    async def ask(page: Ask) -> bytes:
        document = {
            "pageNum": page.number,
            "pageSize": page.size,
            "signFlowStartTimeFrom": int(page.start.timestamp() * 1000),
            "signFlowStartTimeTo": int(page.end.timestamp() * 1000),
        }
        return await session.post(options.list_path, document)

    listed = TimedList(LIST, ask, lambda body: read_page(body, plan.page_size), _identity)
    return windowed_pages(listed, plan, request)


def open_flows(
    session: EsignSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of the details of flows that have not ended; errors as `hub.connectors.open_flows`."""
    options = session.options
    rounds = Rounds(
        min_age=timedelta(hours=options.open_after_h),
        every=timedelta(hours=options.open_every_h),
        overlap=timedelta(seconds=source.pull.overlap_s),
        page_size=min(source.pull.page_size, _MAX_PAGE),
    )

    async def ask(flow: str) -> bytes | None:
        try:
            return data_of(await session.get(f"/v3/sign-flow/{quote(flow, safe='')}/detail"))
        except PlatformRejectedError as error:
            if error.code == str(FLOW_NOT_FOUND):
                return None
            raise

    return open_flow_pages(OPEN, ask, request, rounds, clock=session.ports.now)


def read_page(body: bytes, size: int = 1) -> Listing | None:
    """The flows on a page of at most `size`, None if it holds no list."""
    try:
        found = msgspec.json.decode(body, type=_Page).data
    except (ValueError, RecursionError):
        return None
    if found.signFlowInfos is None and found.total != 0:
        return None
    pages = None if found.total is None else -(-found.total // size)
    return Listing(found.signFlowInfos or [], found.total, pages)


def _identity(item: bytes) -> str | None:
    try:
        return msgspec.json.decode(item, type=_Head).signFlowId
    except (ValueError, RecursionError):
        return None


def split_page(envelope: Envelope) -> list[RawRecord]:
    """One record a flow: `detail` as the platform shows it, `all_signed` where it shows the signers, `rescinded`
    where all of it was."""
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
    return RawRecord(ENTITY, msgspec.json.encode(_record(detail)))


def _of_answer(flow: dict[str, Any]) -> dict[str, Any]:
    head = {"id": flow["id"], "read_at": flow["read_at"]}
    detail = flow.get("answer")
    if not isinstance(detail, dict):
        return {**head, GONE: True}
    return {**head, **_record(detail)}


def _record(detail: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {"detail": detail}
    if detail.get("rescissionStatus") == _DISSOLVED:
        record["rescinded"] = "all"
    signers = detail.get("signers")
    if isinstance(signers, list) and signers:
        states = [one.get("signStatus") if isinstance(one, dict) else None for one in signers]
        if None not in states:  # not every answer shows what became of each signer
            record["all_signed"] = all(state == _SIGNED for state in states)
    return record
