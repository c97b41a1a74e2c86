"""Route C, `star/clue/get`: creator-marketing leads, which have no id and no time filter.

In which order the platform lists them is not documented. So the first pull takes every page and
looks: only where creation times fell from page to page does the next pull stop at a page of known
leads, and once in `star_full_sweep_s` it takes every page again. `star_order` can settle it by hand.

Cursor, per star account: `known` (newest first, keyed digests of identity and content), `pending`
(stored by a sweep that is not done: a crash between two pages must not make the rest look known),
`order`, `swept_at`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin.client import DouyinSession
from hub.connectors.douyin.options import DouyinOptions, accounts_of
from hub.connectors.douyin.records import (
    STAR_CLUE,
    read_listing,
    star_created,
    star_identity,
)
from hub.connectors.windows import Listing
from hub.errors import PlatformRejectedError
from hub.model.delivery import Envelope
from hub.settings import SourceSettings

PATH = "/open_api/2/star/clue/get/"
_MAX_PAGE_SIZE = 50
_NEWEST_FIRST, _OTHER = "newest_first", "other"
_DIGITS = 16  # of each digest: 64 bits tell the leads of one account apart


@dataclass(slots=True)
class Sweep:
    """One way through the list of one star account."""

    known: dict[str, str]
    pending: dict[str, str]
    stops_at_known: bool
    falls: bool = True
    varies: bool = False
    lowest: str = ""

    def watch(self, listing: Listing) -> None:
        """Note whether creation times still fall, and whether they differ at all."""
        for created in map(star_created, listing.items):
            if not created or (self.lowest and created > self.lowest):
                self.falls = False
            self.varies = self.varies or (bool(self.lowest) and created != self.lowest)
            self.lowest = created

    def order(self) -> str | None:
        """What was seen of the order, None if there was nothing to see."""
        if not self.falls:
            return _OTHER
        return _NEWEST_FIRST if self.varies else None


async def star_pages(
    session: DouyinSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of every star account, one after the other.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good.
        ConfigError: no account is configured.
    """
    states = dict(request.cursor.get("stars", {}))
    for star_id in accounts_of(source, session.options.star_ids):
        state = {} if request.since is not None else states.get(star_id, {})
        sweep = _begin(state, request.until, session.options)
        page_size = min(source.pull.page_size, _MAX_PAGE_SIZE)
        async for page, is_last in _sweep_pages(session, star_id, page_size, sweep):
            states[star_id] = _state(state, sweep, is_last, request.until, session.options)
            yield Page(
                page.envelope, {"stars": dict(states)}, page.external_ids, page.reported_total
            )


def _begin(state: Mapping[str, Any], until: datetime, options: DouyinOptions) -> Sweep:
    swept_at = state.get("swept_at")
    is_due = (
        swept_at is None
        or (until - datetime.fromisoformat(swept_at)).total_seconds() >= options.star_full_sweep_s
    )
    observed = options.star_order == "observe" and state.get("order") == _NEWEST_FIRST
    return Sweep(
        known=_unpacked(state.get("known", ())),
        pending=_unpacked(state.get("pending", ())),
        stops_at_known=options.star_order == "newest_first" or (observed and not is_due),
    )


def _state(
    before: Mapping[str, Any], sweep: Sweep, is_last: bool, until: datetime, options: DouyinOptions
) -> dict[str, Any]:
    """The cursor of one star account after a page."""
    if not is_last:
        pending = _packed(sweep.pending, options.star_known_max)
        return {**before, "pending": pending}
    merged = {**sweep.pending, **{k: v for k, v in sweep.known.items() if k not in sweep.pending}}
    was_full = not sweep.stops_at_known
    return {
        "known": _packed(merged, options.star_known_max),
        "order": sweep.order() if was_full or not sweep.falls else before.get("order"),
        "swept_at": until.isoformat() if was_full else before.get("swept_at"),
    }


async def _sweep_pages(
    session: DouyinSession, star_id: str, page_size: int, sweep: Sweep
) -> AsyncIterator[tuple[Page, bool]]:
    """Pages of one sweep, each with whether it is the last; `sweep` is kept up to date."""
    for number in range(1, session.options.max_pages + 1):
        params = {"star_id": int(star_id), "page": number, "page_size": page_size}
        body = await session.get(PATH, params, accounts=(star_id,))
        listing = read_listing(body)
        if listing is None:
            yield Page(Envelope(STAR_CLUE, body), {}), False
            raise PlatformRejectedError("the platform's page holds no list", code="shape")
        entries = [_entry(item, session.ports.fingerprint) for item in listing.items]
        sweep.watch(listing)
        fresh = [key for key, content in entries if _is_news(sweep, key, content)]
        is_last = listing.ends_at(number) or _meets_known(sweep, entries)
        sweep.pending.update(entries)
        total = listing.total_number if is_last else None
        yield Page(Envelope(STAR_CLUE, body) if fresh else None, {}, fresh, total), is_last
        if is_last:
            return
    raise PlatformRejectedError("the list never ends: see options.max_pages", code="endless")


def _is_news(sweep: Sweep, key: str, content: str) -> bool:
    """Whether this state of the lead is not the latest that we stored."""
    return sweep.pending.get(key, sweep.known.get(key)) != content


def _meets_known(sweep: Sweep, entries: Sequence[tuple[str, str]]) -> bool:
    """Whether all that is left is known.

    By `known` alone, not `pending`: behind a page that an interrupted sweep stored may be unknown ones.
    """
    all_known = all(sweep.known.get(key) == content for key, content in entries)
    return all_known and sweep.stops_at_known and sweep.falls


def _entry(item: bytes, fingerprint: Callable[..., str]) -> tuple[str, str]:
    """Keyed digests of who the item is about and of all it says."""
    content = fingerprint("star-content", item.decode("latin-1"))
    identity = star_identity(item)
    key = fingerprint("star-identity", *identity) if identity else content
    return key[:_DIGITS], content[:_DIGITS]


def _packed(entries: Mapping[str, str], at_most: int) -> list[str]:
    return [f"{key}{content}" for key, content in list(entries.items())[:at_most]]


def _unpacked(entries: Iterable[str]) -> dict[str, str]:
    return {entry[:_DIGITS]: entry[_DIGITS:] for entry in entries}
