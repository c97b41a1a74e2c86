"""The demo's sources of business documents, and how each tells of its part of the month."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import xlsxwriter

from hub.connectors.esign import simulator as esign
from hub.connectors.kingdee import simulator as kingdee
from hub.errors import HubError
from hub.steps.demo.file import import_workbook
from hub.steps.demo.hub import secret_env
from hub.steps.demo.papers import DemoMonth
from hub.steps.demo.senders import Line
from hub.steps.demo.source import DemoSource, guarded
from hub.steps.demo.sources import Platforms
from hub.steps.finance.metrics import business_day
from hub.steps.sources.pull import pull_source

LEDGER, CRM, OFFICE, ESIGN, KINGDEE = "contract-ledger", "crm", "office", "esign", "kingdee"
_ENTERED = timedelta(hours=1)  # a pull leaves the newest minutes for the next one
# Header → what a person says it holds.
_COLUMNS = {
    "合同编号": "number",
    "客户名称": "party_name",
    "客户编码": "party_code",
    "合同金额（元）": "amount",
    "签订日期": "on_date",
    "合同类型": "kind",
    "合同状态": "state",
    "是否盖章": "is_sealed",
    "扫描件": "scan_ref",
    "联系人电话": "mobile_e164",
}


def book_sources(platforms: Platforms, new_secret: Callable[[], str]) -> tuple[DemoSource, ...]:
    """All of them, in the order in which they tell; none has leads."""
    month = DemoMonth(business_day(datetime.now(UTC)))
    return (
        _pushing(LEDGER, "合同台账", "contract", (), new_secret(), partial(_import_ledger, month)),
        _pushing(CRM, "CRM 商机", "opportunity", (), new_secret(), partial(_post, month.stages())),
        _pushing(
            OFFICE, "法务与财务 OA", "approval", ("receiving_account", "invoice"), new_secret(),
            partial(_post, month.office()),
        ),
        _esign(platforms.esign, month),
        _kingdee(platforms.kingdee, month),
    )  # fmt: skip


def _pushing(
    key: str, name: str, entity: str, others: Sequence[str], secret: str, send: Any  # noqa: ANN401 -- as `DemoSource.send`
) -> DemoSource:  # fmt: skip
    options: dict[str, Any] = {"entity": entity}
    if others:
        options |= {"entity_field": "type", "entities": list(others)}
    settings = {
        "platform": "declarative", "name": name, "owner": "finance", "push": "records",
        "signature": guarded(key), "options": options,
    }  # fmt: skip
    return DemoSource(key, settings, 0, send, {secret_env(key): secret})


def _esign(simulator: esign.Simulator, month: DemoMonth) -> DemoSource:
    env = secret_env(ESIGN)
    settings = {
        "platform": "esign", "name": "e签宝", "owner": "legal", "push": "signing",
        "signature": {"scheme": "esign", "secret_env": env}, "options": simulator.options(env),
    }  # fmt: skip

    async def send(line: Line, _: int) -> None:
        flows = list(month.flows())
        simulator.world.clues.extend(flows)
        report = await esign.PushSender(simulator.world, line.url).send(flows)
        if report.given_up:
            raise HubError(f"{len(report.given_up)} signing flows of the demo were not taken")

    return DemoSource(ESIGN, settings, 0, send, {env: simulator.world.app_secret})


def _kingdee(simulator: kingdee.Simulator, month: DemoMonth) -> DemoSource:
    env = secret_env(KINGDEE)
    settings = {
        "platform": "kingdee", "name": "金蝶云星空", "owner": "finance", "pulls": ["receivable", "receipt"],
        "pull": {"every_s": 600, "page_size": 50}, "options": simulator.options(env),
    }  # fmt: skip

    async def send(line: Line, _: int) -> None:
        for bill in month.bills(datetime.now(UTC) - _ENTERED):
            simulator.world.put(bill)
        pulled = await pull_source(
            line.engine, line.keyring, line.settings, KINGDEE, now=datetime.now(UTC)
        )
        pulled.raise_for_failure()

    return DemoSource(KINGDEE, settings, 0, send, {env: simulator.world.app_secret})


async def _import_ledger(month: DemoMonth, line: Line, _: int) -> None:
    path = line.home / "合同台账.xlsx"
    await asyncio.to_thread(_write_ledger, path, month.ledger())
    result = await asyncio.to_thread(import_workbook, line, path, _COLUMNS, "contract ledger")
    if result.rejected:
        raise HubError(f"{result.rejected} rows of the demo's ledger were not taken")


def _write_ledger(path: Path, rows: Iterator[tuple[Any, ...]]) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("台账")
        sheet.write_row(0, 0, list(_COLUMNS))
        for place, row in enumerate(rows, 1):
            sheet.write_row(place, 0, row)


async def _post(records: Sequence[Mapping[str, Any]], line: Line, _: int) -> None:
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(line.url, json=list(records))
    if not answer.is_success:
        raise HubError(f"the receiver answered {answer.status_code} to {line.source}")
