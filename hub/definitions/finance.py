"""`finance/document`, `recon/breaks`, `recon/<metric>`, `recon/gate`: documents, what disagrees, the hourly gate."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from hub.definitions import names
from hub.definitions.events import numbers, table
from hub.definitions.store import HubStore, clear_errors
from hub.reconciliation.figures import Figure
from hub.reconciliation.kinds import BREAK_WORDS, BreakKind
from hub.reconciliation.metrics import Metric
from hub.reconciliation.months import Month
from hub.settings import HubSettings
from hub.steps.check_results import CheckTable
from hub.steps.finance import gate
from hub.steps.finance.gate_checks import recon_asset
from hub.steps.finance.metrics import ZONE, business_day, compute_and_keep, load_dictionary
from hub.steps.finance.reconcile import reconcile

DOCUMENT = dg.AssetKey(["finance", "document"])
GATE, BREAKS = "gate", "breaks"
_EVERY_HOUR = "7 * * * *"
_EVERY_MORNING = "40 5 * * *"


def recon(settings: HubSettings, merchant: str, name: str) -> dg.AssetKey:
    """The asset of a merchant's metric, or of its gate."""
    return names.asset_key(recon_asset(settings, merchant, name))


def build_finance(settings: HubSettings) -> dg.Definitions:
    """Documents, metrics and gates of every merchant; gates are read every hour, metrics every morning."""
    dictionary = load_dictionary(settings)
    merchants = [merchant.id for merchant in settings.merchants]
    gates = [_gate(settings, merchant) for merchant in merchants]
    breaks = [_breaks(settings, merchant) for merchant in merchants]
    figures = [_figures(settings, merchant, dictionary) for merchant in merchants]
    hourly = _scheduled(
        "evaluate_gate",
        dg.AssetSelection.assets(
            *(recon(settings, one, name) for one in merchants for name in (BREAKS, GATE))
        ),
        "Reconciles what changed, then takes the hour's reading of every gate and opens or closes it.",
        _EVERY_HOUR,
    )
    daily = _scheduled(
        "compute_metrics",
        dg.AssetSelection.assets(
            *(recon(settings, one, name) for one in merchants for name in dictionary)
        ),
        "Computes every metric of last month and this one.",
        _EVERY_MORNING,
    )
    return dg.Definitions(
        assets=[_documents(settings), *breaks, *gates, *figures], schedules=[hourly, daily]
    )


def _scheduled(
    name: str, selection: dg.AssetSelection, description: str, cron: str
) -> dg.ScheduleDefinition:
    """A schedule that brings its job along. The sensor reports checks, so no run has to."""
    job = dg.define_asset_job(
        name,
        selection=selection.without_checks(),
        description=description,
        executor_def=dg.in_process_executor,
    )
    return dg.ScheduleDefinition(
        name=f"{name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=ZONE.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _governance(settings: HubSettings, merchant: str) -> list[str]:
    """Who is told when a merchant's figures do not agree."""
    return names.as_owner(settings.finance_of(merchant).governance)


def _documents(settings: HubSettings) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=DOCUMENT,
        deps=[names.canonical(source_key) for source_key in settings.all_sources()],
        group_name="finance",
        description=(
            "Business documents: contracts, approvals, invoices, receipts, opportunities and what else sources "
            "send, each folded from all of its revisions. A loader fills it."
        ),
        owners=[names.HUB_TEAM],
        kinds={"postgres", "table"},
        metadata={"dagster/table_name": "finance.document"},
    )


def _breaks(settings: HubSettings, merchant: str) -> dg.AssetsDefinition:
    key = recon(settings, merchant, BREAKS)
    spec = dg.AssetSpec(
        key=key,
        deps=[DOCUMENT],
        group_name="recon",
        description=(
            "What does not agree between CRM, legal and finance: matches, typed breaks and questions, made anew "
            "for whatever changed since the last run. `hub reconcile breaks` lists them."
        ),
        owners=_governance(settings, merchant),
        kinds={"postgres", "python"},
        tags={"merchant": merchant},
    )

    @dg.multi_asset(name=names.identifier(f"breaks_{merchant}"), specs=[spec])
    def find_breaks(hub: dg.ResourceParam[HubStore]) -> Iterator[dg.MaterializeResult[None]]:
        """Reconcile what changed."""
        with clear_errors(), hub.open() as opened:
            found = reconcile(opened.engine, opened.settings, merchant, datetime.now(UTC))
        kinds = tuple(
            (BREAK_WORDS[BreakKind(kind)], kind, count)
            for kind, count in sorted(found.by_kind.items())
        )
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "breaks_by_kind": table(CheckTable(("break", "kind", "count"), kinds)),
                "mode": dg.MetadataValue.text(found.mode),
                **numbers(
                    {
                        "documents": found.documents,
                        "matches": found.matches,
                        "breaks": found.breaks,
                        "questions": found.questions,
                        **{f"events_{name}": count for name, count in found.events.items()},
                    }
                ),
            },
        )

    return find_breaks


def _figures(
    settings: HubSettings, merchant: str, dictionary: dict[str, Metric]
) -> dg.AssetsDefinition:
    keys = {recon(settings, merchant, name): name for name in dictionary}
    specs = [
        dg.AssetSpec(
            key=key,
            deps=[DOCUMENT],
            group_name="recon",
            description=f"{dictionary[name].label}：{dictionary[name].words}",
            owners=_governance(settings, merchant),
            kinds={"postgres", "python"},
            metadata={"metric_version": dictionary[name].version, "owner": dictionary[name].owner},
            tags={"merchant": merchant},
        )
        for key, name in keys.items()
    ]

    @dg.multi_asset(name=names.identifier(f"metrics_{merchant}"), specs=specs, can_subset=True)
    def figures(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """The chosen metrics of this month and the last one."""
        now = datetime.now(UTC)
        wanted = sorted(keys[key] for key in context.selected_asset_keys)
        month = Month.of(business_day(now))
        with clear_errors(), hub.open() as opened:
            last, this = (
                compute_and_keep(opened.engine, opened.settings, merchant, wanted, one, now)
                for one in (month.previous, month)
            )
        for key in sorted(context.selected_asset_keys):
            name = keys[key]
            metadata = {
                **numbers(_numbers(last.by_name[name], "last_month")),
                **numbers(_numbers(this.by_name[name], "this_month")),
                "month": dg.MetadataValue.text(str(month.previous)),
            }
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)

    return figures


def _numbers(figure: Figure, prefix: str) -> dict[str, int | float]:
    return {
        f"{prefix}_fen": figure.fen,
        f"{prefix}_documents": figure.documents,
        f"{prefix}_set_aside": sum(figure.aside.values()),
        **{f"{prefix}_{money}": one.amount for money, one in figure.apart.items()},
    }


def _gate(settings: HubSettings, merchant: str) -> dg.AssetsDefinition:
    key = recon(settings, merchant, GATE)
    spec = dg.AssetSpec(
        key=key,
        deps=[recon(settings, merchant, BREAKS)],
        group_name="recon",
        description=(
            "The gate: whether the agreed figure and finance's record of the same contracts agree. While its check "
            "`gate` fails, reports that leave the house are not made. `hub export bridge` explains the residual; a"
            " person opens it by name, for a time: `hub gate override`."
        ),
        owners=_governance(settings, merchant),
        kinds={"postgres", "python"},
        tags={"merchant": merchant},
    )

    @dg.multi_asset(name=names.identifier(f"gate_{merchant}"), specs=[spec])
    def read_gate(hub: dg.ResourceParam[HubStore]) -> Iterator[dg.MaterializeResult[None]]:
        """Take the hour's reading."""
        with clear_errors(), hub.open() as opened:
            found = gate.evaluate_gate(
                opened.engine, opened.settings, datetime.now(UTC), merchant=merchant
            )
        rows = tuple((one.name.period, one.word, one.share, gate.in_words(one)) for one in found)
        closed = sum(not one.state.is_open for one in found)
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "gates": table(CheckTable(("month", "gate", "residual", "says"), rows)),
                **numbers({"closed": closed}),
            },
        )

    return read_gate
