"""Lists that are asked by time: accounts in chunks, windows with a frozen end, page after page.

Platforms sort such lists by creation time, newest first, so a record that appears while we page pushes
others onto later pages: they are met twice, never missed. Fields settle late and records become visible
late, so each pull goes back over an overlap. Where a platform lists only so many records of a window,
the window is halved until it fits; one second that does not fit is pulled as far as it goes, and said.

Whether a border belongs to the window before it, after it or both differs between platforms and is
mostly not documented; windows share their borders, and what is met twice is stored once per state.

Cursor: `watermark` (all windows up to it are stored) and, inside a window, `resume`: its frozen bounds,
the chunk of accounts, the next page, the page size that it counts in and, of a halved window, the
`part` under way. `cut` lists seconds that did not fit, until it is said. Each value is true by itself
whoever wrote it last, so two pulls at once cost a few calls and lose nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from hub.connectors.base import Page, PullRequest
from hub.errors import PlatformRejectedError
from hub.model.delivery import Envelope

Part: TypeAlias = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page as it is needed for paging: the items' own JSON, and the totals if they were given."""

    items: Sequence[bytes]
    total_number: int | None
    total_page: int | None

    def ends_at(self, number: int) -> bool:
        """Whether page `number`, which this is, is the last: it is empty, or the total says so."""
        return not self.items or (self.total_page is not None and number >= self.total_page)


@dataclass(frozen=True, slots=True)
class Ask:
    """One page to ask for: whose records, created between which instants, and which page of how many."""

    accounts: tuple[str, ...]
    start: datetime
    end: datetime
    number: int
    size: int

    @property
    def offset(self) -> int:
        """Records before this page, for platforms that count those and not pages."""
        return (self.number - 1) * self.size


@dataclass(frozen=True, slots=True)
class TimedList:
    """A platform's list: how a page is asked for and read, and the id of an item (None: it has none).

    `read` gives None for a body that holds no list; nothing else is raised for what cannot be read.
    """

    shape: str
    ask: Callable[[Ask], Awaitable[bytes]]
    read: Callable[[bytes], Listing | None]
    identity: Callable[[bytes], str | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pull of a list asks for. `chunks` are accounts that one call takes together.

    `step` is the longest window, `first` how far the first pull goes back, `overlap` every other.
    Nothing before `earliest` or after `latest` is asked for. A window that reports more than `most`
    records is halved (None: the platform lists all).
    """

    chunks: Sequence[tuple[str, ...]]
    page_size: int
    step: timedelta
    first: timedelta
    overlap: timedelta
    max_pages: int
    earliest: datetime | None = None
    latest: datetime | None = None
    most: int | None = None

    def end(self, request: PullRequest) -> datetime:
        """The frozen end of a pull."""
        return request.until if self.latest is None else min(request.until, self.latest)


def chunked(accounts: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """`accounts` in order, at most `size` together."""
    return [tuple(accounts[i : i + size]) for i in range(0, len(accounts), size)]


@dataclass(frozen=True, slots=True)
class Leg:
    """One window of one chunk of accounts, from `page` of `part` (all of it if None) on.

    `closes` says that the window is done after it.
    """

    accounts: tuple[str, ...]
    chunk: int
    start: datetime
    end: datetime
    page: int
    closes: bool
    part: Part | None = None

    def parts(self) -> list[Part]:
        """What is left of the window, the latest first."""
        if self.part is None:
            return [(self.start, self.end)]
        _, done_to = self.part
        return [(done_to, self.end), self.part] if done_to < self.end else [self.part]


@dataclass(frozen=True, slots=True)
class _Met:
    """One page as a leg met it; `body` is None if nothing on it is new.

    `then` is where the leg goes on (part, page), None after its last page; `cut` a window that did not fit.
    """

    body: bytes | None
    then: tuple[Part, int] | None
    ids: Sequence[str] = ()
    total: int | None = None
    cut: datetime | None = None


@dataclass(slots=True)
class _Pull:
    """One pull under way: what was met, what is done, what did not fit."""

    listed: TimedList
    plan: Plan
    watermark: str | None
    cut: list[str]
    seen: dict[str, bytes] = field(default_factory=dict)

    async def page(self, leg: Leg, part: Part, number: int) -> bytes:
        return await self.listed.ask(Ask(leg.accounts, *part, number, self.plan.page_size))

    def unseen(self, listing: Listing) -> list[bytes]:
        """Items not met yet, or not in this state; an item without an id is always new."""
        fresh = []
        for item in listing.items:
            found = self.listed.identity(item)
            digest = hashlib.blake2b(item, digest_size=16).digest()
            if found is None or self.seen.get(found) != digest:
                fresh.append(item)
            if found is not None:
                self.seen[found] = digest
        return fresh

    def is_too_full(self, listing: Listing) -> bool:
        total = listing.total_number
        return total is not None and self.plan.most is not None and total > self.plan.most

    def cursor(self, leg: Leg, then: tuple[Part, int] | None, *, is_end: bool) -> dict[str, Any]:
        """What the next pull starts from if this page is the last one stored."""
        said: dict[str, Any] = {"cut": list(self.cut)} if self.cut and not is_end else {}
        if self.watermark is not None:
            said["watermark"] = self.watermark
        if then is None and leg.closes:
            return said
        bounds = {"start": leg.start.isoformat(), "end": leg.end.isoformat()}
        place: dict[str, Any] = {"chunk": leg.chunk + 1, "page": 1}
        if then is not None:
            part, page = then
            place = {"chunk": leg.chunk, "page": page}
            if part != (leg.start, leg.end):
                place["part"] = [bound.isoformat() for bound in part]
        return {**said, "resume": {**bounds, **place, "size": self.plan.page_size}}


async def windowed_pages(
    listed: TimedList, plan: Plan, request: PullRequest
) -> AsyncIterator[Page]:
    """Pages of all windows from the cursor (or `since`) to the frozen end.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good. Code
            `shape`: a page holds no list; it was given as a page before. Code `window_full`: all pages
            were given, and some second holds more than the platform lists.
    """
    cursor = request.cursor
    pull = _Pull(listed, plan, cursor.get("watermark"), list(cursor.get("cut", ())))
    end = plan.end(request)
    for leg in legs(request, plan):
        async for met in _leg_pages(pull, leg):
            is_done = met.then is None and leg.closes
            if is_done:
                pull.watermark = leg.end.isoformat()
            if met.cut is not None:
                pull.cut.append(met.cut.isoformat())
            yield Page(
                envelope=None if met.body is None else Envelope(listed.shape, met.body),
                cursor=pull.cursor(leg, met.then, is_end=is_done and leg.end >= end),
                external_ids=met.ids,
                reported_total=met.total,
            )
    if pull.cut:
        raise PlatformRejectedError(
            f"{len(pull.cut)} windows hold more than the platform lists, the first from"
            f" {pull.cut[0]}: export them from its console and import them",
            code="window_full",
        )


def legs(request: PullRequest, plan: Plan) -> Iterator[Leg]:
    """What to ask, in order: an interrupted window first, then from its end to the frozen end."""
    end = plan.end(request)
    resume = request.cursor.get("resume")
    start = _start(request, plan)
    if resume:
        done_to = datetime.fromisoformat(resume["end"])
        yield from _resumed_legs(plan, resume, done_to)
        start = done_to - plan.overlap
    if plan.earliest is not None:
        start = max(start, plan.earliest)
    while start < end:
        window_end = min(start + plan.step, end)
        yield from _window_legs(plan, start, window_end)
        start = window_end


def _start(request: PullRequest, plan: Plan) -> datetime:
    if request.since is not None:
        return request.since
    watermark = request.cursor.get("watermark")
    if watermark is None:
        return request.until - plan.first
    return datetime.fromisoformat(watermark) - plan.overlap


def _resumed_legs(plan: Plan, resume: Mapping[str, Any], end: datetime) -> Iterator[Leg]:
    """The rest of an interrupted window. Pages of another size begin anew: they hold other records."""
    start, chunk = datetime.fromisoformat(resume["start"]), resume["chunk"]
    if chunk >= len(plan.chunks):  # fewer accounts are configured now than when it was begun
        yield from _window_legs(plan, start, end)
        return
    page = resume["page"] if resume.get("size", plan.page_size) == plan.page_size else 1
    bounds = resume.get("part")
    part = (
        (datetime.fromisoformat(bounds[0]), datetime.fromisoformat(bounds[1])) if bounds else None
    )
    closes = chunk == len(plan.chunks) - 1
    yield Leg(plan.chunks[chunk], chunk, start, end, page, closes, part)
    yield from _window_legs(plan, start, end, first_chunk=chunk + 1)


def _window_legs(
    plan: Plan, start: datetime, end: datetime, first_chunk: int = 0
) -> Iterator[Leg]:
    for number in range(first_chunk, len(plan.chunks)):
        closes = number == len(plan.chunks) - 1
        yield Leg(plan.chunks[number], number, start, end, 1, closes)


async def _leg_pages(pull: _Pull, leg: Leg) -> AsyncIterator[_Met]:
    """The pages of one leg, the oldest part first; a part that reports too much is halved.

    Halves share a border, so their totals do not add up: that of the whole is reported, once.
    """
    todo, number = leg.parts(), leg.page
    whole: int | None = None
    while todo:
        part = todo.pop()
        body = await pull.page(leg, part, number)
        middle = _middle(part)
        listing = pull.listed.read(body)
        if number == 1 and middle is not None and listing and pull.is_too_full(listing):
            whole = listing.total_number if part == (leg.start, leg.end) else whole
            todo += [(middle, part[1]), (part[0], middle)]
            continue
        then = (todo[-1], 1) if todo else None
        async for met in _part_pages(pull, leg, part, (number, body), then):
            yield met if whole is None else replace(met, total=None if met.then else whole)
        number = 1


async def _part_pages(
    pull: _Pull, leg: Leg, part: Part, first: tuple[int, bytes], then: tuple[Part, int] | None
) -> AsyncIterator[_Met]:
    """The pages of one part; `first` was asked for already, `then` is what comes after the last."""
    begin, body = first
    for number in range(begin, begin + pull.plan.max_pages):
        if number > begin:
            body = await pull.page(leg, part, number)
        listing = pull.listed.read(body)
        if listing is None:
            # Not a shape that we know: keep the page, so that it is held and seen, and go no further.
            yield _Met(body, then=(part, number))
            raise PlatformRejectedError("the platform's page holds no list", code="shape")
        fresh = pull.unseen(listing)
        ids = [found for found in map(pull.listed.identity, fresh) if found]
        kept = body if fresh else None
        if listing.ends_at(number):
            cut = part[0] if _is_cut(pull, listing, number) else None
            yield _Met(kept, then, ids, listing.total_number, cut)
            return
        yield _Met(kept, (part, number + 1), ids)
    raise PlatformRejectedError("a window never ends: see options.max_pages", code="endless")


def _is_cut(pull: _Pull, listing: Listing, number: int) -> bool:
    """Whether the platform stopped before the end of a window that it cannot list whole."""
    if pull.plan.most is None or listing.total_number is None:
        return False
    if listing.total_number > pull.plan.most:
        return True
    return not listing.items and listing.total_number > (number - 1) * pull.plan.page_size


def _middle(part: Part) -> datetime | None:
    """A whole second inside, None if there is none: platforms take no smaller times."""
    start, end = part
    middle = (start + (end - start) / 2).replace(microsecond=0)
    return middle if start < middle < end else None
