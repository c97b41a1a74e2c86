"""Bills read again by their business date: what the time of change does not tell, and what is gone.

A deleted bill appears in no list, and whether every act of a bookkeeper moves FModifyDate is not documented.
So once a day the bills of the last months are listed, and compared with those listed the day before. One
that is missing is asked for by its id, for its date may have moved; if it is not there it becomes a record
of its own, which cancels the document.

Cursor: `known` (key → business day) of the last whole listing, `of` (what was asked), `done_at`. It stays
as it was until all is compared: a listing that was cut off begins anew, which is harmless.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.connectors.base import Page, PullRequest
from hub.connectors.kingdee.bills import Bill
from hub.connectors.kingdee.client import KingdeeSession
from hub.connectors.kingdee.pull import Met, listed
from hub.connectors.kingdee.queries import Place, Query, dated_from, with_ids
from hub.connectors.kingdee.rows import Line, envelope_of, gone_envelope
from hub.connectors.windows import chunked
from hub.errors import PlatformRejectedError

_IDS_A_QUERY = 200
_FEW = 20


@dataclass(slots=True)
class _Comparison:
    """What was met, against what the last listing had from `first` on."""

    before: Mapping[str, str]
    first: date
    met: dict[str, str] = field(default_factory=dict)

    def note(self, lines: Iterable[Line]) -> None:
        self.met.update((line.key, line.day) for line in lines)

    def missing(self) -> list[str]:
        """Keys that should have been listed, for their day is still asked for."""
        first = self.first.isoformat()
        return sorted(k for k, day in self.before.items() if k not in self.met and day >= first)


async def reread_pages(
    session: KingdeeSession, bill: Bill, request: PullRequest
) -> AsyncIterator[Page]:
    """Bills of the last `options.reread_days`, at most once in `options.reread_every_s`.

    Raises:
        TransientError, PlatformRejectedError: pages so far stay good. Code `many_gone`: more are missing
            than are ever deleted; a person must look, and nothing is cancelled.
    """
    if not _is_due(session, request):
        return
    first = _first_day(session, request)
    query = dated_from(bill, session.options, first)
    asked = hashlib.sha256(
        repr((*query.columns.items(), session.options.org)).encode()
    ).hexdigest()
    cursor = request.cursor
    compared = _Comparison(cursor.get("known", {}) if cursor.get("of") == asked else {}, first)
    last: Met | None = None
    async for met in listed(session, query, Place()):
        if last is not None:
            yield _page(f"{bill.entity}_reread", query, last, dict(cursor))
        compared.note(met.lines)
        last = met
    missing = compared.missing()
    _refuse_many(missing, compared, bill, session.options.max_gone_share)
    if last is not None:
        final = dict(cursor) if missing else _done(compared, asked, request)
        yield _page(f"{bill.entity}_reread", query, last, final)
    if missing:
        async for page in _missing_pages(session, bill, missing, compared, request):
            yield page
        gone = [key for key in missing if key not in compared.met]
        envelope = gone_envelope(bill, gone, request.until) if gone else None
        yield Page(envelope, _done(compared, asked, request), gone)


async def _missing_pages(
    session: KingdeeSession,
    bill: Bill,
    missing: list[str],
    compared: _Comparison,
    request: PullRequest,
) -> AsyncIterator[Page]:
    """What is still there of the missing: bills whose date has moved out of the listing."""
    ids = sorted({int(key.partition("/")[0]) for key in missing})
    for chunk in chunked([str(number) for number in ids], _IDS_A_QUERY):
        query = with_ids(bill, session.options, [int(text) for text in chunk])
        async for met in listed(session, query, Place()):
            compared.note(met.lines)
            yield _page(f"{bill.entity}_reread", query, met, dict(request.cursor))


def _page(shape: str, query: Query, met: Met, cursor: dict[str, Any]) -> Page:
    envelope = envelope_of(shape, query, met.body) if met.lines else None
    return Page(envelope, cursor, [line.key for line in met.lines])


def _done(compared: _Comparison, asked: str, request: PullRequest) -> dict[str, Any]:
    return {"known": compared.met, "of": asked, "done_at": request.until.isoformat()}


def _is_due(session: KingdeeSession, request: PullRequest) -> bool:
    done_at = request.cursor.get("done_at")
    if done_at is None or request.since is not None:
        return True
    waited = request.until - datetime.fromisoformat(done_at)
    return waited >= timedelta(seconds=session.options.reread_every_s)


def _first_day(session: KingdeeSession, request: PullRequest) -> date:
    begin = request.since or request.until - timedelta(days=session.options.reread_days)
    return begin.astimezone(ZoneInfo(session.options.zone)).date()


def _refuse_many(
    missing: list[str], compared: _Comparison, bill: Bill, allowed_share: float
) -> None:
    """A user who lost a right, or an answer cut short, must not cancel the books.

    Raises:
        PlatformRejectedError: too many are missing.
    """
    share = len(missing) / max(1, len(missing) + len(compared.met))
    if len(missing) > _FEW and share > allowed_share:
        raise PlatformRejectedError(
            f"{len(missing)} bills of kind {bill.entity} are no longer listed: see what the user may see",
            code="many_gone",
        )
