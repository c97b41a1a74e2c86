"""`report/<name>`: reports as files; one that leaves the house is not made while the gate is closed."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from hub.definitions import names
from hub.definitions.events import numbers
from hub.definitions.finance import DOCUMENT, GATE, recon
from hub.definitions.store import HubStore, OpenHub, clear_errors
from hub.reconciliation.months import Month
from hub.settings import HubSettings, home
from hub.steps.finance.export_report import (
    LEAVES_THE_HOUSE,
    REPORTS,
    Asked,
    export_report,
    prepare,
)
from hub.steps.finance.metrics import ZONE, business_day
from hub.steps.finance.report_formats import Report, render

# Made by the daemon every morning in China; what leaves the house is made by a person alone.
_AUTOMATIC = {"bridge": "30 6 * * *", "breaks": "30 6 * * *", "whitepaper": "40 6 1,8 * *"}
_WORDS = {
    "bridge": "Four amounts of last month side by side, and every contract at which they differ.",
    "breaks": "What reconciliation has left open, by age.",
    "whitepaper": "数据健康白皮书: accuracy, corrections by people, the main causes, fields that want somebody.",
    "signed": "The agreed signed amount of last month, contract by contract; it leaves the house.",
    "roi": "What campaigns and creatives cost and brought; it leaves the house.",
}


def report_key(settings: HubSettings, merchant: str, name: str) -> dg.AssetKey:
    """The asset of a merchant's report; with one merchant its name is left out."""
    own = [name] if len(settings.merchants) == 1 else [merchant, name]
    return names.asset_key(["report", *own])


def build_reports(settings: HubSettings) -> dg.Definitions:
    """Every report of every merchant, of the month that has ended last; some are made each morning."""
    mornings = dg.AutomationConditionSensorDefinition(
        name="make_reports",
        target=dg.AssetSelection.groups("report"),
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes the reports that stay in the house, each morning.",
    )
    return dg.Definitions(
        sensors=[mornings],
        assets=[
            _report(settings, merchant.id, name)
            for merchant in settings.merchants
            for name in REPORTS
        ],
    )


def _report(settings: HubSettings, merchant: str, name: str) -> dg.AssetsDefinition:
    leaves = name in LEAVES_THE_HOUSE
    # Only what leaves the house hangs on the gate: a closed one must not stop the bridge that explains it.
    upstream = recon(settings, merchant, GATE) if leaves else DOCUMENT
    spec = dg.AssetSpec(
        key=report_key(settings, merchant, name),
        deps=[upstream],
        group_name="report",
        description=(
            f"{_WORDS[name]} Written as html and xlsx under HUB_HOME/reports;"
            f" `hub export {name} --month 2026-01` writes another month."
        ),
        owners=[names.HUB_TEAM],
        kinds={"html"},
        automation_condition=_automatic(name),
        tags={"merchant": merchant, "leaves_the_house": "yes" if leaves else "no"},
    )

    @dg.multi_asset(name=names.identifier(f"report_{merchant}_{name}"), specs=[spec])
    def write(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Write the report as a web page and a workbook."""
        now = datetime.now(UTC)
        asked = Asked(merchant, Month.of(business_day(now)).previous, now)
        with clear_errors(), hub.open() as opened:
            found = made(opened, name, asked)
            place = written(found, asked, "reports")
        context.log.info("%s", place.name)
        yield dg.MaterializeResult(
            asset_key=spec.key,
            metadata={
                "month": dg.MetadataValue.text(str(asked.month)),
                "stamp": dg.MetadataValue.text(found.stamp or "对平"),
                "file": dg.MetadataValue.path(place),
                **numbers({sheet.title: len(sheet.rows) for sheet in found.sheets}),
                **{word: dg.MetadataValue.text(text) for word, text in found.watermark},
            },
        )

    return write


def _automatic(name: str) -> dg.AutomationCondition[dg.AssetKey] | None:
    """By the clock, not after its upstream: that is external, and `eager()` would wait for it for ever."""
    if name not in _AUTOMATIC:
        return None
    tick = dg.AutomationCondition.cron_tick_passed(_AUTOMATIC[name], cron_timezone=ZONE.key)
    return tick & ~dg.AutomationCondition.in_progress()


def made(opened: OpenHub, name: str, asked: Asked) -> Report:
    """The report `name`.

    Raises:
        GateClosedError: it leaves the house and the merchant's gate is closed.
        ConfigError: there is no such report.
    """
    prepared = prepare(opened.engine, opened.settings, name, asked, lambda: opened.keyring)
    return export_report(opened.engine, opened.settings, name, asked, prepared)


def written(found: Report, asked: Asked, place: str) -> Path:
    """The report's web page in the folder `place` of HUB_HOME; the workbook stands beside it."""
    folder = home() / place / asked.merchant
    folder.mkdir(parents=True, exist_ok=True)
    for form in ("xlsx", "html"):
        (folder / f"{found.name}-{asked.month}.{form}").write_bytes(render(found, form))
    return folder / f"{found.name}-{asked.month}.html"
