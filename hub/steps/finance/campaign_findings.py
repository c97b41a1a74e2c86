"""Leads that name a campaign which is none: unknown names and ids, unreplaced macros, touches outside the slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.attribution.register import FindingKind, Placed
from hub.crm import campaigns, touches
from hub.crm.campaigns import StoredFinding
from hub.database.engine import store_errors
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.check_results import CheckDeclaration, CheckResult, CheckTable, Severity
from hub.steps.finance.touch_path import Paths, open_paths

TOUCHPOINT_ASSET = ("crm", "touchpoint")
CHECK = "campaigns_known"
DAYS = 7
_ZONE = ZoneInfo("Asia/Shanghai")  # slots are days of China
_PAGE = 1000
_ROWS_SHOWN = 50
_COLUMNS = ("merchant", "source", "finding", "claimed", "leads")


def find_findings(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    merchant: str,
    now: datetime,
    *,
    days: int = DAYS,
) -> list[StoredFinding]:
    """Look at the leads of the last `days`, keep what is found, alert about what is no campaign.

    The alert of a merchant closes by itself once every lead of those days has a campaign that is registered.
    """
    with store_errors(), engine.begin() as conn:
        paths = open_paths(conn, keyring, settings, merchant)
        found = _found(paths, now, days)
        ordered = sorted(found, key=lambda one: (-one.leads, one.source_key, one.claimed))
        campaigns.write_findings(conn, merchant, ordered)
        _alert(conn, merchant, ordered, days)
    return ordered


def _found(paths: Paths, now: datetime, days: int) -> list[StoredFinding]:
    groups: dict[tuple[str, str, str], StoredFinding] = {}
    since = now - timedelta(days=days)
    leads = list(
        touches.leads_submitted(paths.raw, paths.merchant, since, now + timedelta(days=1))
    )
    for start in range(0, len(leads), _PAGE):
        for said in paths.said(leads[start : start + _PAGE]):
            if said is None:
                continue
            placed = paths.desk.placed(said)
            submitted = said.doc.get("submitted_at")
            at = datetime.fromisoformat(submitted) if submitted else said.received_at
            kind, claimed = _judged(placed, at)
            if kind is None:
                continue
            key = (said.source_key, kind.value, claimed[:200])
            known = groups.get(key)
            groups[key] = (
                StoredFinding(paths.merchant, *key, 1, at, at, now)
                if known is None
                else replace(
                    known,
                    leads=known.leads + 1,
                    first_at=min(known.first_at, at),
                    last_at=max(known.last_at, at),
                )
            )
    return list(groups.values())


def _judged(placed: Placed, at: datetime) -> tuple[FindingKind | None, str]:
    if placed.campaign is None:
        return placed.finding, placed.claimed
    if not placed.campaign.runs_on(at.astimezone(_ZONE).date()):
        return FindingKind.OUTSIDE_SLOT, placed.campaign.utm_campaign
    return None, ""


def _alert(conn: sa.Connection, merchant: str, found: Sequence[StoredFinding], days: int) -> None:
    wrong = [one for one in found if one.kind != FindingKind.OUTSIDE_SLOT]
    key = f"campaigns:{merchant}"
    if not wrong:
        close_alert(conn, key)
        return
    leads = sum(one.leads for one in wrong)
    raise_alert(
        conn,
        dedupe_key=key,
        severity="warning",
        facts={"merchant": merchant, "days": days, "leads": leads, "campaigns": len(wrong)},
        merchant=merchant,
        count=0,
    )


def declared_campaigns() -> CheckDeclaration:
    """The check on campaigns."""
    return CheckDeclaration(
        TOUCHPOINT_ASSET,
        CHECK,
        f"Every campaign that a lead of the last {DAYS} days names is registered; no macro stays unreplaced.",
    )


def judge_campaigns(found: Sequence[StoredFinding]) -> CheckResult:
    """What the last look at the leads found. Pure."""
    wrong = [one for one in found if one.kind != FindingKind.OUTSIDE_SLOT]
    leads = sum(one.leads for one in wrong)
    note = "Every campaign that was named is registered."
    if wrong:
        note = f"{leads} lead(s) name {len(wrong)} campaign(s) that nobody registered."
    counts = {f"leads_{kind.value}": 0 for kind in FindingKind}
    for one in found:
        counts[f"leads_{one.kind}"] += one.leads
    rows = tuple(
        (one.merchant, one.source_key, one.kind, one.claimed, one.leads)
        for one in found[:_ROWS_SHOWN]
    )
    return CheckResult(
        asset=TOUCHPOINT_ASSET,
        name=CHECK,
        passed=not wrong,
        severity=Severity.WARN,
        note=note,
        numbers={"findings": len(wrong), **counts},
        table=CheckTable(_COLUMNS, rows) if rows else None,
        command="hub campaign check" if wrong else None,
    )
