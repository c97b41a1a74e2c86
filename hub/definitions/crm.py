"""The CRM's tables as one multi-asset."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from hub.definitions import names
from hub.definitions.columns import canonical_schema, column_lineages, table_schema
from hub.definitions.events import Metadata, column_lineage, numbers
from hub.definitions.store import HubStore, OpenHub, clear_errors
from hub.settings import HubSettings
from hub.steps.lineage import SourceLineage, live_lineage
from hub.steps.report import RUN_LOADER, loader_is_alive
from hub.steps.work import drain_queue

_FILLED = (
    "\n\nA loader (`hub work`) fills it all the time. Materialize drains the queue by hand, for a hub"
    " without a loader; it finds nothing to do while one runs."
)
_DESCRIPTIONS = {
    names.LEAD: "Every lead, folded from all of its revisions. Numbers are those of the last window of 30 s;"
    f" the conservation checks say that nothing was lost.{_FILLED}\n\n`hub lead list`, `hub lead trace ID`,"
    " `hub verify --deep`",
    names.CONTACT: "Persons: leads that share a key (phone, WeChat id, ID number) are one."
    f"{_FILLED}\n\n`hub contact show ID`, `hub contact why A B`, `hub erase` (by name, with a receipt)",
    names.TOUCHPOINT: "When, where and by which campaign a person met us."
    f"{_FILLED}\n\n`hub campaign check` names campaigns that nobody registered",
}


def drain(opened: OpenHub) -> Metadata:
    """Load all that is queued, as a loader does, and say what that was."""
    alive = loader_is_alive(opened.engine, datetime.now(UTC))
    result = drain_queue(opened.engine, opened.keyring, opened.settings, name=RUN_LOADER)
    metadata: Metadata = {
        "producer": dg.MetadataValue.text("run"),
        "records": dg.MetadataValue.int(result.records),
        **numbers(dict(result.counts)),
    }
    if not result.records:
        why = "a loader is running and keeps it empty" if alive else "nothing has arrived"
        metadata["note"] = dg.MetadataValue.text(f"The queue was empty: {why}.")
    return metadata


def build_crm_assets(
    settings: HubSettings, lineage: SourceLineage
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """`crm/lead`, `crm/contact`, `crm/touchpoint`, filled together."""
    sources = list(settings.all_sources())
    specs = [
        dg.AssetSpec(
            key=key,
            deps=[names.canonical(source_key) for source_key in sources],
            group_name="crm",
            description=description,
            owners=[names.HUB_TEAM],
            kinds={"postgres", "table"},
            metadata={
                "dagster/table_name": f"crm.{key.path[-1]}",
                "dagster/column_schema": _schema(key, settings),
                **column_lineage(key, column_lineages(lineage)),
            },
        )
        for key, description in _DESCRIPTIONS.items()
    ]

    # All three are filled at once whatever is selected: `can_subset` only spares a click the dialog
    # that says so.
    @dg.multi_asset(
        name="load_crm",
        specs=specs,
        can_subset=True,
    )
    def load_crm(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Drain the queue into the CRM."""
        with clear_errors(), hub.open() as opened:
            metadata = drain(opened)
            live = column_lineages(live_lineage(opened.engine, opened.settings))
        for key in sorted(context.selected_asset_keys):
            extra = column_lineage(key, live)
            yield dg.MaterializeResult(asset_key=key, metadata={**metadata, **extra})

    return [load_crm]


def _schema(key: dg.AssetKey, settings: HubSettings) -> dg.TableSchema:
    return canonical_schema(settings) if key == names.LEAD else table_schema(key)
