"""`hub metric`: the dictionary of figures, what each means, and what it comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from hub.cli.lead import AsJson
from hub.cli.output import print_json, print_line, print_rows
from hub.database.engine import store_errors
from hub.reconciliation.months import Month
from hub.settings import DEFAULT_MERCHANT, HubSettings, load_settings
from hub.steps.finance.export_report import Asked, Source, watermark
from hub.steps.finance.metrics import Figures, business_day, compute, load_dictionary, metric_of
from hub.steps.finance.report_formats import Yuan
from hub.steps.laws import snapshot
from hub.steps.open_store import Store, open_store

app = typer.Typer(no_args_is_help=True, help="The metric dictionary: what each figure means.")
_COLUMNS = ("metric", "version", "label", "owner", "period", "sources", "max age", "digest")


@app.callback()
def group() -> None:
    """The metric dictionary: what each figure means."""


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Every metric: version, owner, sources, and how old these may be."""
    rows = [
        (
            one.name, one.version, one.label, one.owner, "month", " ".join(one.sources),
            f"{one.freshness_hours} h", one.digest,
        )
        for one in load_dictionary(load_settings()).values()
    ]  # fmt: skip
    print_rows(_COLUMNS, rows, as_json=as_json)


@app.command("show")
def show_command(name: str, as_json: AsJson = False) -> None:
    """One metric: its 口径 in words and its formula, term by term."""
    metric = metric_of(load_dictionary(load_settings()), name)
    terms = [
        {
            "entity": term.entity,
            "date": term.date,
            "span": term.span,
            "sign": "plus" if term.sign > 0 else "minus",
            "absolute": term.is_absolute,
            "where": {c.field: {c.test: list(c.values)} for c in term.where},
            "needs": list(term.needs),
            "contracts_of": term.contracts_of,
        }
        for term in metric.terms
    ]
    told: dict[str, Any] = {
        "metric": metric.name,
        "version": metric.version,
        "label": metric.label,
        "words": metric.words,
        "owner": metric.owner,
        "sources": list(metric.sources),
        "freshness_hours": metric.freshness_hours,
        "currency": metric.currency,
        "digest": metric.digest,
        "formula": terms,
    }
    if as_json:
        print_json(told)
        return
    print_rows(("fact", "value"), list(told.items()), as_json=False)


@app.command("value")
def value_command(
    name: str,
    month: Annotated[
        str, typer.Option(help="Of this month, like 2026-01; else the last one.")
    ] = "",
    merchant: Annotated[str, typer.Option(help="Of this merchant.")] = DEFAULT_MERCHANT,
    as_json: AsJson = False,
) -> None:
    """What a metric comes to in a month; other currencies are counted apart, never summed."""
    settings = load_settings()
    metric_of(load_dictionary(settings), name)
    now = datetime.now(UTC)
    wanted = Month.parse(month) if month else Month.of(business_day(now)).previous
    asked = Asked(merchant, wanted, now)
    with open_store() as store:
        found, marks = _value(store, settings, name, asked)
    figure = found.by_name[name]
    apart = {
        money: {"documents": one.documents, "amount": one.amount}
        for money, one in figure.apart.items()
    }
    if as_json:
        print_json(
            {
                "metric": name, "version": figure.metric.version, "digest": figure.metric.digest,
                "merchant": merchant, "month": str(wanted), "amount_fen": figure.fen,
                "documents": figure.documents, "apart": apart, "aside": dict(figure.aside),
                "watermark": dict(marks),
            }
        )  # fmt: skip
        return
    print_line(
        f"{figure.metric.label} {wanted} = {Yuan(figure.fen).grouped} 元（{figure.documents} 单）"
    )
    for money, one in figure.apart.items():
        print_line(f"  {money} 单列：{one.documents} 单 {Yuan(one.amount).grouped}")
    for reason, count in figure.aside.items():
        print_line(f"  不计入：{reason} {count} 单")
    for word, text in marks:
        print_line(f"  {word}：{text}")


def _value(
    store: Store, settings: HubSettings, name: str, asked: Asked
) -> tuple[Figures, tuple[tuple[str, str], ...]]:
    with store_errors(), snapshot(store.engine) as conn:
        found = compute(conn, settings, asked.merchant, [name], asked.month, asked.now)
        return found, watermark(Source(conn, settings), asked, found)
