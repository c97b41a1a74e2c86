"""Route B, `tools/clue/life/get`: leads of 本地推 accounts by creation time, newest first.

Grant, codes and limits are those of route A; the parameters go as JSON in a POST (the official SDK does so),
and the page's totals have other names. `modify_time` is no filter, so late changes are met by the overlap.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin.client import MARKETING, Call, DouyinSession
from hub.connectors.douyin.options import DouyinOptions, accounts_of
from hub.connectors.douyin.pull import base_plan, written_window
from hub.connectors.douyin.records import LIFE_CLUE, clue_id, read_listing
from hub.connectors.windows import Ask, Plan, TimedList, chunked, windowed_pages
from hub.settings import SourceSettings

PATH = "/open_api/2/tools/clue/life/get/"
MAX_ACCOUNTS = 50  # a call
MAX_PAGE_SIZE = 100


def life_pages(
    session: DouyinSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of all windows from the cursor (or `since`) to the frozen `until`.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good.
        ConfigError: no account is configured.
    """
    zone = ZoneInfo(session.options.zone)

    async def ask(page: Ask) -> bytes:
        document = {
            "local_account_ids": [int(account) for account in page.accounts],
            **written_window(page, zone),
            "page": page.number,
            "page_size": page.size,
        }
        return await session.call(Call(MARKETING, PATH, {}, document, page.accounts))

    listed = TimedList(LIFE_CLUE, ask, read_listing, clue_id)
    return windowed_pages(listed, plan_of(source, session.options), request)


def plan_of(source: SourceSettings, options: DouyinOptions) -> Plan:
    """What a pull of 本地推 accounts asks for.

    Raises:
        ConfigError: no account is configured.
    """
    plan = base_plan(source, options)
    accounts = accounts_of(source, options.local_account_ids)
    return replace(
        plan,
        chunks=chunked(accounts, MAX_ACCOUNTS),
        page_size=min(plan.page_size, MAX_PAGE_SIZE),
    )
