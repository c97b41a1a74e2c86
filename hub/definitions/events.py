"""Findings of the steps as Dagster's events and metadata. Pure; counts only, never personal data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import dagster as dg

from hub.definitions import names
from hub.ops.reports import WindowSum
from hub.settings import HubSettings
from hub.steps.check_results import CheckResult, CheckTable, Severity
from hub.steps.checks import latency_numbers
from hub.steps.report import LoadSum, Report, producer, window_id
from hub.steps.sources.overview import SourceLine, as_table

Metadata = dict[str, dg.MetadataValue]
# asset key → column → the columns it is made from
ColumnLineage = Mapping[dg.AssetKey, Mapping[str, list[dg.TableColumnDep]]]
Event = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation


def report_events(report: Report, settings: HubSettings) -> list[Event]:
    """Every event of a report: one per source and window, three per window for the CRM."""
    sources = settings.all_sources()
    events: list[Event] = []
    for window in report.windows:
        if window.source_key in sources:
            source = sources[window.source_key]
            events += _source_events(window, bool(source.push) or not source.pulls)
    for load in report.loads:
        events += _load_events(load)
    for process, seen_at in report.seen_at.items():
        metadata: Metadata = {"seen_at": _instant(seen_at)}
        events.append(dg.AssetMaterialization(names.HEARTBEATS[process], metadata=metadata))
    events += [check_evaluation(result) for result in report.checks]
    if report.sources:
        events.append(_overview(report.sources))
    return events


def _overview(lines: Sequence[SourceLine]) -> Event:
    """All sources in one table, and how many of them have a trouble."""
    unwell = [line for line in lines if line.troubles]
    since = min((line.since for line in unwell if line.since), default=None)
    figures: dict[str, int | float] = {
        "configured": len(lines),
        "unwell": len(unwell),
        "held": sum(line.held for line in lines),
        "longest_lag_s": round(max((line.lag_s for line in lines), default=0.0)),
    }
    return dg.AssetMaterialization(
        names.SOURCES,
        description="; ".join(f"{one.source_key}: {', '.join(one.trouble)}" for one in unwell)
        or "Every source is well.",
        metadata={
            "sources": table(as_table(lines)),
            **numbers(figures),
            **({"unwell_since": _instant(since)} if since else {}),
        },
    )


def check_evaluation(result: CheckResult) -> dg.AssetCheckEvaluation:
    """A check's result as the event a sensor may report."""
    return dg.AssetCheckEvaluation(
        asset_key=names.asset_key(result.asset),
        check_name=result.name,
        passed=result.passed,
        severity=_severity(result),
        metadata=check_metadata(result),
        description=_said(result),
    )


def check_result(result: CheckResult) -> dg.AssetCheckResult:
    """A check's result as a run gives it back."""
    return dg.AssetCheckResult(
        asset_key=names.asset_key(result.asset),
        check_name=result.name,
        passed=result.passed,
        severity=_severity(result),
        metadata=check_metadata(result),
        description=_said(result),
    )


def _said(result: CheckResult) -> str:
    """What the check found and what to run: the line that the check's page shows largest."""
    return f"{result.note} Run: {result.command}" if result.command else result.note


def check_metadata(result: CheckResult) -> Metadata:
    """What a check's page shows: the command that mends it, since when, the numbers, the members.

    The page sorts by name, and hides Markdown behind a link: the command is plain text.
    """
    metadata: Metadata = {}
    if result.command:
        metadata["command"] = dg.MetadataValue.text(result.command)
    if result.since is not None:
        metadata["since"] = _instant(result.since)
    metadata.update(numbers(result.numbers))
    if result.table is not None:
        metadata["detail"] = table(result.table)
    return metadata


def numbers(found: Mapping[str, int | float]) -> Metadata:
    """Numbers as metadata; Dagster plots them."""
    return {
        str(name): dg.MetadataValue.int(value)  # an outcome's word, no member of an enum
        if isinstance(value, int)
        else dg.MetadataValue.float(value)
        for name, value in found.items()
    }


def table(found: CheckTable) -> dg.TableMetadataValue:
    """A table with a schema: without one Dagster refuses an empty table."""
    columns = [dg.TableColumn(c, _type(found, place)) for place, c in enumerate(found.columns)]
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(found.columns, row, strict=True))) for row in found.rows],
        schema=dg.TableSchema(columns=columns),
    )


def column_lineage(asset: dg.AssetKey, lineage: ColumnLineage) -> Metadata:
    """The lineage entry of an asset, nothing if none is known.

    It stands on the definition and on what a run materialises, not on windows: it is 13 KB, and a
    source has 2,880 windows a day.
    """
    columns = lineage.get(asset, {})
    if not columns:
        return {}
    found = dg.TableColumnLineage(deps_by_column=columns)
    return {"dagster/column_lineage": dg.MetadataValue.column_lineage(found)}


def _source_events(window: WindowSum, is_pushed: bool) -> Iterator[Event]:
    head: Metadata = {
        "window": dg.MetadataValue.text(window_id(window.source_key, window.window_start)),
        "window_start": _instant(window.window_start),
        "producer": dg.MetadataValue.text(producer(window.loaders)),
        "records": dg.MetadataValue.int(window.records),
    }
    if is_pushed:
        raw: Metadata = {**head, **numbers({"held": window.counts["held"]})}
        yield dg.AssetMaterialization(names.raw(window.source_key), metadata=raw)
    asset = names.canonical(window.source_key)
    yield dg.AssetMaterialization(
        asset,
        metadata={
            **head,
            **numbers(window.counts),
            **numbers(latency_numbers(window.latency)),
            "mapping_version": dg.MetadataValue.text(", ".join(window.mapping_versions) or "none"),
        },
    )


def _load_events(load: LoadSum) -> Iterator[Event]:
    loaders = [name for window in load.by_source for name in window.loaders]
    head: Metadata = {
        "window": dg.MetadataValue.text(window_id("crm", load.window_start)),
        "window_start": _instant(load.window_start),
        "producer": dg.MetadataValue.text(producer(loaders)),
        "loaded": dg.MetadataValue.int(load.counts["loaded"]),
        "revised": dg.MetadataValue.int(load.counts["revised"]),
    }
    rows: list[tuple[str | int | float, ...]] = [
        (w.source_key, *(w.counts[name] for name in load.counts), w.records)
        for w in load.by_source
    ]
    by_source = CheckTable(columns=("source", *load.counts, "records"), rows=tuple(rows))
    yield dg.AssetMaterialization(
        names.LEAD,
        metadata={
            **head,
            "records": dg.MetadataValue.int(sum(load.counts.values())),
            **numbers(load.counts),
            **numbers(latency_numbers(load.latency)),
            "by_source": table(by_source),
        },
    )
    for asset in (names.CONTACT, names.TOUCHPOINT):
        yield dg.AssetMaterialization(asset, metadata=head)


def _severity(result: CheckResult) -> dg.AssetCheckSeverity:
    is_error = result.severity is Severity.ERROR
    return dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN


def _instant(instant: datetime) -> dg.TimestampMetadataValue:
    return dg.MetadataValue.timestamp(instant)


def _type(found: CheckTable, place: int) -> str:
    cells = [row[place] for row in found.rows]
    return "string" if not cells or isinstance(cells[0], str) else "int"
