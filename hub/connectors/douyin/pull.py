"""Route A, `tools/clue/get`: leads of ad accounts by creation time, newest first.

Fields settle some ten minutes late, so each pull goes back over the last `overlap_s`, and over
`options.settle_s` at least.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin.client import DouyinSession, Parameter
from hub.connectors.douyin.options import DouyinOptions, accounts_of
from hub.connectors.douyin.records import CLUE, clue_id, read_listing
from hub.connectors.windows import Ask, Plan, TimedList, chunked, windowed_pages
from hub.settings import SourceSettings

PATH = "/open_api/2/tools/clue/get/"
_MAX_ACCOUNTS = 100  # a call


def clue_pages(
    session: DouyinSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of all windows from the cursor (or `since`) to the frozen `until`.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good.
        ConfigError: no account is configured.
    """
    zone = ZoneInfo(session.options.zone)

    async def ask(page: Ask) -> bytes:
        params: dict[str, Parameter] = {
            "advertiser_ids": [int(account) for account in page.accounts],
            **written_window(page, zone),
            "page": page.number,
            "page_size": page.size,
        }
        return await session.get(PATH, params, accounts=page.accounts)

    listed = TimedList(CLUE, ask, read_listing, clue_id)
    return windowed_pages(listed, plan_of(source, session.options), request)


def plan_of(source: SourceSettings, options: DouyinOptions) -> Plan:
    """What a pull of ad accounts asks for.

    Raises:
        ConfigError: no account is configured.
    """
    accounts = accounts_of(source, options.advertiser_ids)
    return replace(base_plan(source, options), chunks=chunked(accounts, _MAX_ACCOUNTS))


def base_plan(source: SourceSettings, options: DouyinOptions) -> Plan:
    """What the pulls of all lists by time have in common; whose leads they ask for is left to each.

    A pull goes back behind the watermark until fields have settled, a second at least.
    """
    return Plan(
        chunks=(),
        page_size=source.pull.page_size,
        step=timedelta(days=options.window_days),
        first=timedelta(days=source.pull.first_days),
        overlap=timedelta(seconds=max(source.pull.overlap_s, options.settle_s, 1)),
        max_pages=options.max_pages,
    )


def written_window(page: Ask, zone: ZoneInfo) -> dict[str, str]:
    """`start_time` and `end_time` as the lists take them: naive texts in the platform's zone."""
    return {"start_time": _written(page.start, zone), "end_time": _written(page.end, zone)}


def _written(instant: datetime, zone: ZoneInfo) -> str:
    """To the second below: the platform takes no smaller times."""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
