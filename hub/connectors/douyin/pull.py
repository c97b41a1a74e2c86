"""Route A, `tools/clue/get`: leads of ad accounts by creation time, in windows with a frozen end.

The platform sorts by creation time, newest first, so a lead that appears while we page pushes others
onto later pages: they are met twice, never missed. Fields settle some ten minutes late, so each pull
goes back over the last `overlap_s`.

Cursor: `watermark` (all windows up to it are stored) and, inside a window, `resume` (its frozen
bounds, the chunk of accounts and the next page). Each value is true by itself whoever wrote it last,
so two pulls at once cost a few calls and lose nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin.client import DouyinSession, Parameter
from hub.connectors.douyin.options import DouyinOptions, accounts_of
from hub.connectors.douyin.records import CLUE, Listing, clue_id, read_listing
from hub.errors import PlatformRejectedError
from hub.model.delivery import Envelope
from hub.settings import SourceSettings

PATH = "/open_api/2/tools/clue/get/"
_MAX_ACCOUNTS = 100  # a call


@dataclass(frozen=True, slots=True)
class Leg:
    """One window of one chunk of accounts. `closes` says that the window is done after it."""

    accounts: tuple[str, ...]
    chunk: int
    start: datetime
    end: datetime
    page: int
    closes: bool


@dataclass(frozen=True, slots=True)
class Met:
    """One page as a leg met it; `body` is None if nothing on it is new."""

    number: int
    is_last: bool
    body: bytes | None
    ids: Sequence[str] = ()
    total: int | None = None


async def clue_pages(
    session: DouyinSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of all windows from the cursor (or `since`) to the frozen `until`.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good.
        ConfigError: no account is configured.
    """
    watermark = request.cursor.get("watermark")
    seen: dict[str, bytes] = {}
    for leg in legs(request, source, session.options):
        async for met in _leg_pages(session, leg, source.pull.page_size, seen):
            if met.is_last and leg.closes:
                watermark = leg.end.isoformat()
            yield Page(
                envelope=None if met.body is None else Envelope(CLUE, met.body),
                cursor=_cursor(watermark, leg, met),
                external_ids=met.ids,
                reported_total=met.total if met.is_last else None,
            )


def _cursor(watermark: str | None, leg: Leg, met: Met) -> Mapping[str, Any]:
    """What the next pull starts from if this page is the last one stored."""
    done = {} if watermark is None else {"watermark": watermark}
    if met.is_last and leg.closes:
        return done
    chunk, page = (leg.chunk + 1, 1) if met.is_last else (leg.chunk, met.number + 1)
    bounds = {"start": leg.start.isoformat(), "end": leg.end.isoformat()}
    return {**done, "resume": {**bounds, "chunk": chunk, "page": page}}


def legs(request: PullRequest, source: SourceSettings, options: DouyinOptions) -> Iterator[Leg]:
    """What to ask, in order: an interrupted window first, then from its end to `until`."""
    accounts = accounts_of(source, options.advertiser_ids)
    chunks = [accounts[i : i + _MAX_ACCOUNTS] for i in range(0, len(accounts), _MAX_ACCOUNTS)]
    overlap = timedelta(seconds=max(source.pull.overlap_s, options.settle_s, 1))
    resume = request.cursor.get("resume")
    start = _start(request, source, overlap)
    if resume:
        done_to = datetime.fromisoformat(resume["end"])
        first = datetime.fromisoformat(resume["start"])
        yield from _window_legs(chunks, first, done_to, (resume["chunk"], resume["page"]))
        start = done_to - overlap
    step = timedelta(days=options.window_days)
    while start < request.until:
        end = min(start + step, request.until)
        yield from _window_legs(chunks, start, end, (0, 1))
        start = end


def _start(request: PullRequest, source: SourceSettings, overlap: timedelta) -> datetime:
    if request.since is not None:
        return request.since
    watermark = request.cursor.get("watermark")
    if watermark is None:
        return request.until - timedelta(days=source.pull.first_days)
    return datetime.fromisoformat(watermark) - overlap


def _window_legs(
    chunks: list[tuple[str, ...]], start: datetime, end: datetime, first: tuple[int, int]
) -> Iterator[Leg]:
    """The legs of one window from chunk and page `first` on."""
    chunk, page = first
    if chunk >= len(chunks):  # fewer accounts are configured now than when the window was begun
        chunk, page = 0, 1
    for number in range(chunk, len(chunks)):
        closes = number == len(chunks) - 1
        yield Leg(chunks[number], number, start, end, page if number == chunk else 1, closes)


async def _leg_pages(
    session: DouyinSession, leg: Leg, page_size: int, seen: dict[str, bytes]
) -> AsyncIterator[Met]:
    """The pages of one leg. `seen` is filled with what was met."""
    for number in range(leg.page, leg.page + session.options.max_pages):
        params = _parameters(session, leg, number, page_size)
        body = await session.get(PATH, params, accounts=leg.accounts)
        listing = read_listing(body)
        if listing is None:
            # Not a shape that we know: keep the page, so that it is held and seen, and go no further.
            yield Met(number - 1, is_last=False, body=body)
            raise PlatformRejectedError("the platform's page holds no list", code="shape")
        fresh = _unseen(listing, seen)
        ids = [found for found in map(clue_id, fresh) if found]
        is_last = listing.ends_at(number)
        yield Met(number, is_last, body if fresh else None, ids, listing.total_number)
        if is_last:
            return
    raise PlatformRejectedError("a window never ends: see options.max_pages", code="endless")


def _unseen(listing: Listing, seen: dict[str, bytes]) -> list[bytes]:
    """Items that this pull has not met yet, or not in this state; an item without an id is always new."""
    fresh = []
    for item in listing.items:
        found = clue_id(item)
        digest = hashlib.blake2b(item, digest_size=16).digest()
        if found is None or seen.get(found) != digest:
            fresh.append(item)
        if found is not None:
            seen[found] = digest
    return fresh


def _parameters(
    session: DouyinSession, leg: Leg, page: int, page_size: int
) -> dict[str, Parameter]:
    zone = ZoneInfo(session.options.zone)
    return {
        "advertiser_ids": [int(account) for account in leg.accounts],
        "start_time": _written(leg.start, zone),
        "end_time": _written(leg.end, zone),
        "page": page,
        "page_size": page_size,
    }


def _written(instant: datetime, zone: ZoneInfo) -> str:
    """A naive text in the platform's zone, to the second below."""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
