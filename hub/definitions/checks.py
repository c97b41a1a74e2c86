"""Every declared check as one multi-check: a run evaluates those that were asked for in one go."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from hub.definitions import names
from hub.definitions.events import check_result
from hub.definitions.store import HubStore, clear_errors
from hub.settings import HubSettings
from hub.steps.checks import declared_checks, evaluate
from hub.steps.report import alert_failed_checks


def build_checks(settings: HubSettings) -> dg.AssetChecksDefinition:
    """The checks of this hub. The sensor reports them all the time; a run counts the whole archive."""
    specs = [
        dg.AssetCheckSpec(
            name=check.name,
            asset=names.asset_key(check.asset),
            description=check.description,
            blocking=check.is_blocking,
        )
        for check in declared_checks(settings)
    ]

    @dg.multi_asset_check(name="hub_checks", specs=specs, can_subset=True)
    def hub_checks(
        context: dg.AssetCheckExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> Iterator[dg.AssetCheckResult]:
        """Evaluate the selected checks in one snapshot."""
        wanted = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
        now = datetime.now(UTC)
        with clear_errors(), hub.open() as opened:
            results = [
                result
                for result in evaluate(opened.engine, opened.settings, now, spool=opened.spool)
                if (names.asset_key(result.asset), result.name) in wanted
            ]
            alert_failed_checks(opened.engine, results, opened.settings)
        for result in results:
            yield check_result(result)

    return hub_checks
