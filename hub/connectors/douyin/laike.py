"""Route D, `crm/clue/query`: leads of 来客, those of natural flow among them.

The list ends ten minutes before the pull, spans at most 365 days, begins on 2022-09-01 and shows only some
10,000 leads of a window; all four are what clients of it say, so all four are options.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import httpx

from hub.connectors.base import Page, PullRequest
from hub.connectors.douyin.client import Call, DouyinSession, Parameter
from hub.connectors.douyin.laike_gateway import LAIKE, check_answer
from hub.connectors.douyin.options import DouyinOptions, accounts_of, options_of
from hub.connectors.douyin.pull import base_plan, written_window
from hub.connectors.douyin.records import LAIKE_CLUE, clue_id, read_laike_listing
from hub.connectors.http import no_answer
from hub.connectors.sessions import Account, utc_now
from hub.connectors.windows import Ask, Plan, TimedList, chunked, windowed_pages
from hub.errors import ConfigError, PlatformRejectedError
from hub.settings import SourceSettings

PATH = "/goodlife/v1/open_api/crm/clue/query/"
MAX_PAGE_SIZE = 100


def laike_pages(
    session: DouyinSession, request: PullRequest, source: SourceSettings
) -> AsyncIterator[Page]:
    """Pages of all windows from the cursor (or `since`) to `until`, or ten minutes ago.

    Raises:
        TransientError, PlatformRejectedError, AuthorizationLostError: pages so far stay good.
        ConfigError: no account is configured, or the source pulls something else, too.
    """
    check_source(source)

    async def ask(page: Ask) -> bytes:
        params = _parameters(page, session.options)
        return await session.call(Call(LAIKE, PATH, params, accounts=page.accounts))

    listed = TimedList(LAIKE_CLUE, ask, read_laike_listing, clue_id)
    latest = session.ports.now() - timedelta(seconds=session.options.laike_lag_s)
    return windowed_pages(
        listed, replace(plan_of(source, session.options), latest=latest), request
    )


def check_source(source: SourceSettings) -> None:
    """Check that a source that pulls 来客 pulls nothing else.

    Raises:
        ConfigError: it does; or no application is set.
    """
    if not options_of(source).client_key:
        raise ConfigError("set options.client_key of the douyin source before pulling laike_clue")
    if set(source.pulls) - {LAIKE_CLUE}:
        raise ConfigError(
            "laike_clue has a token of its own: give it a source of its own, apart from"
            " clue, life_clue and star_clue"
        )


def plan_of(source: SourceSettings, options: DouyinOptions) -> Plan:
    """What a pull of 来客 asks for, each account by itself; how late is a matter of the clock.

    Raises:
        ConfigError: no account is configured.
    """
    plan = base_plan(source, options)
    zone = ZoneInfo(options.zone)
    return replace(
        plan,
        chunks=chunked(accounts_of(source, options.laike_account_ids), 1),
        page_size=min(plan.page_size, MAX_PAGE_SIZE),
        step=min(plan.step, timedelta(days=options.laike_span_days)),
        earliest=datetime.combine(options.laike_earliest, time(), zone),
        most=options.laike_window_max,
    )


def accounts(http: httpx.Client, source: SourceSettings, access_token: str) -> list[Account]:
    """The configured accounts whose leads the token may list: no call names them, so each is asked for one.

    Raises:
        AuthorizationLostError, TransientError: as the platform says.
    """
    check_source(source)
    options = options_of(source)
    end = utc_now() - timedelta(seconds=options.laike_lag_s)
    configured = accounts_of(source, options.laike_account_ids)
    found = []
    for account in configured:
        page = Ask((account,), end - timedelta(minutes=1), end, number=1, size=1)
        if _is_listed(http, _parameters(page, options), options, access_token):
            found.append(Account(account, name="", role="LAIKE"))
    return found


def _is_listed(
    http: httpx.Client, params: dict[str, Parameter], options: DouyinOptions, token: str
) -> bool:
    try:
        response = http.get(
            LAIKE.base(options) + PATH,
            params={key: str(value) for key, value in params.items()},
            headers=LAIKE.headers(token, options),
        )
    except httpx.HTTPError as error:
        raise no_answer(error) from None
    try:
        check_answer(response, options)
    except PlatformRejectedError:
        return False
    return True


def _parameters(page: Ask, options: DouyinOptions) -> dict[str, Parameter]:
    (account,) = page.accounts
    window: dict[str, Parameter] = {**written_window(page, ZoneInfo(options.zone))}
    if options.laike_times == "unix":
        window = {
            "start_time": int(page.start.timestamp()),
            "end_time": int(page.end.timestamp()),
        }
    return {"account_id": account, **window, "page": page.number, "page_size": page.size}
