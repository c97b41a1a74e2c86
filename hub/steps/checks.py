"""The checks that Dagster shows, evaluated without it: what is declared, found, and mends it.

Facts are read in one snapshot, judging them is pure. Nothing here carries personal data: counts,
source keys, reasons, commands.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from hub.alerts.undelivered import Undelivered, undelivered
from hub.crm.campaigns import StoredFinding, read_findings
from hub.crm.counts import doubled_leads
from hub.database.engine import driver, store_errors
from hub.inbox.held_groups import HeldGroup, held_groups
from hub.inbox.waiting import Queueing, what_waits
from hub.ops.platform_counts import PlatformCount, read_counts
from hub.ops.profiles import StoredArrivals, read_arrivals
from hub.ops.reports import last_windows, recent_latency
from hub.ops.windows import LATENCY_BOUNDS_MS, WINDOW
from hub.registry.merchants import registered_since
from hub.registry.source_findings import SourceFinding, open_findings
from hub.settings import HubSettings, SourceSettings
from hub.steps.check_results import (
    CheckDeclaration,
    CheckResult,
    CheckTable,
    Severity,
    canonical_asset,
)
from hub.steps.drift.checks import VOLUME_OVER, SourceFacts, declared_drift, judge_drift
from hub.steps.finance.campaign_findings import declared_campaigns, judge_campaigns
from hub.steps.finance.gate_checks import GateFacts, declared_gate, judge_gate, read_gates
from hub.steps.laws import Law, read_delivery_law, read_record_law, snapshot
from hub.steps.quality.checks import (
    declared_duplicates,
    declared_fields,
    judge_duplicates,
    judge_fields,
)
from hub.steps.quality.days import StoredQuality, read_stored
from hub.steps.quality.dictionary import Dictionary, contract_dictionary
from hub.steps.sources.checks import COUNTED_OVER, declared_source, judge_source
from hub.steps.spool_drain import count_spooled
from hub.steps.summary_checks import (
    GIVEN_UP_OVER,
    LATE_AFTER,
    declared_delivery,
    declared_summary,
    judge_delivery,
    judge_summary,
)

LEAD_ASSET = ("crm", "lead")
LATENCY_OVER = timedelta(minutes=10)
LATENCY_LIMIT_MS = 1000
DOUBLED_OVER = timedelta(days=1)
# How far the sensor's record law looks back; `hub verify` and the nightly run count everything.
LAW_OVER = timedelta(days=2)
_ROWS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the checks judge, read in one snapshot."""

    deliveries: Law
    records: Law
    held: Mapping[str, Sequence[HeldGroup]]
    findings: Mapping[str, Sequence[SourceFinding]]
    last_hour: Mapping[str, tuple[int, ...]]
    arrivals: Mapping[str, StoredArrivals]
    last_window: Mapping[str, datetime]
    registered: Mapping[str, datetime]
    latency: Mapping[str, tuple[int, ...]]
    counts: Mapping[str, Sequence[PlatformCount]]
    waits: Mapping[str, Queueing]
    leads: int
    doubled: int
    quality: StoredQuality
    campaigns: Sequence[StoredFinding]
    gates: GateFacts
    dictionary: Dictionary
    undelivered: Sequence[Undelivered]


def declared_checks(settings: HubSettings) -> tuple[CheckDeclaration, ...]:
    """Every check of this hub, in the order of `evaluate`."""
    declared = [
        CheckDeclaration(
            LEAD_ASSET,
            "conservation_deliveries",
            "Every acknowledged delivery is stored, a duplicate, or in the spool.",
        ),
        CheckDeclaration(
            LEAD_ASSET, "conservation_records", "Every record has exactly one outcome."
        ),
        declared_duplicates(),
        declared_campaigns(),
    ]
    for source_key, source in settings.all_sources().items():
        asset = canonical_asset(source_key)
        declared += [
            CheckDeclaration(
                asset, "fresh", f"A record arrived within {_span(source.fresh_within_s)}."
            ),
            CheckDeclaration(asset, "nothing_held", "No record waits for a mapping or a person."),
            CheckDeclaration(
                asset,
                "latency",
                f"99 of 100 records are in the CRM within {LATENCY_LIMIT_MS} ms of arrival.",
            ),
            *declared_drift(asset),
            *declared_source(source_key),
            declared_fields(source_key, settings),
        ]
    return (*declared, *declared_gate(settings), declared_delivery(), declared_summary())


def read_facts(
    engine: sa.Engine,
    settings: HubSettings,
    now: datetime,
    *,
    spool: Path | None,
    since: datetime | None,
) -> Facts:
    """What the checks need, as of one instant; the arguments are those of `evaluate`."""
    merchants = {key: source.merchant for key, source in settings.all_sources().items()}
    with store_errors(), snapshot(engine) as conn:
        leads, doubled = doubled_leads(conn, since=now - DOUBLED_OVER)
        return Facts(
            deliveries=read_delivery_law(conn, count_spooled(conn, spool) if spool else {}),
            records=read_record_law(conn, since=since),
            held=held_groups(conn),
            findings=open_findings(conn),
            last_hour=recent_latency(conn, merchants, since=now - VOLUME_OVER),
            arrivals=read_arrivals(conn),
            last_window=last_windows(conn, merchants),
            registered=registered_since(conn),
            latency=recent_latency(conn, merchants, since=now - LATENCY_OVER),
            counts=_counts(conn, now),
            waits={row.source_key: row for row in what_waits(driver(conn))},
            leads=leads,
            doubled=doubled,
            quality=read_stored(conn, settings, now),
            campaigns=read_findings(conn),
            gates=read_gates(conn, now),
            dictionary=contract_dictionary(settings),
            undelivered=undelivered(
                conn, late_before=now - LATE_AFTER, given_up_since=now - GIVEN_UP_OVER
            ),
        )


def _counts(conn: sa.Connection, now: datetime) -> dict[str, list[PlatformCount]]:
    found: dict[str, list[PlatformCount]] = {}
    for row in read_counts(conn, since=(now - COUNTED_OVER).date()):
        found.setdefault(row.source_key, []).append(row)
    return found


def judge(facts: Facts, settings: HubSettings, now: datetime) -> list[CheckResult]:
    """The result of every declared check. Pure."""
    results = [
        _law(facts.deliveries, "conservation_deliveries"),
        _law(facts.records, "conservation_records"),
        judge_duplicates(facts.quality, (facts.leads, facts.doubled)),
        judge_campaigns(facts.campaigns),
    ]
    for source_key, source in settings.all_sources().items():
        results += [
            _fresh(source_key, source, facts, now),
            _nothing_held(source_key, facts.held.get(source_key, ())),
            _latency(source_key, facts.latency.get(source_key, ())),
            *judge_drift(source_key, _of_source(facts, source_key), now),
            *judge_source(
                source_key,
                source,
                facts.counts.get(source_key, ()),
                facts.waits.get(source_key),
                now,
            ),
            judge_fields(source_key, facts.quality, facts.dictionary, settings),
        ]
    results += [*judge_gate(facts.gates, settings, now), judge_delivery(facts.undelivered)]
    return [*results, judge_summary(results)]


def _of_source(facts: Facts, source_key: str) -> SourceFacts:
    learned = facts.arrivals.get(source_key)
    return SourceFacts(
        findings=facts.findings.get(source_key, ()),
        held=facts.held.get(source_key, ()),
        last_hour=sum(facts.last_hour.get(source_key, ())),
        arrivals=learned.body if learned else None,
    )


def evaluate(
    engine: sa.Engine,
    settings: HubSettings,
    now: datetime,
    *,
    spool: Path | None = None,
    since: datetime | None = None,
) -> list[CheckResult]:
    """Read and judge: one result for each declared check.

    Args:
        engine: The store.
        settings: Names the sources.
        now: Aware current instant.
        spool: The folder of this machine's spools, None if it has none.
        since: The record law looks only at records that arrived since then; None counts all.
    """
    facts = read_facts(engine, settings, now, spool=spool, since=since)
    return judge(facts, settings, now)


def percentile_ms(buckets: Sequence[int], share: float) -> float | None:
    """The bound in ms that `share` of a histogram's values do not exceed; `inf` past the last one.

    None for an empty histogram. Bounds are `LATENCY_BOUNDS_MS`: the answer errs on the slow side.
    """
    total = sum(buckets)
    if not total:
        return None
    wanted = math.ceil(total * share)
    reached = 0
    for bound, count in zip((*LATENCY_BOUNDS_MS, math.inf), buckets, strict=True):
        reached += count
        if reached >= wanted:
            return float(bound)
    return math.inf


def _law(law: Law, name: str) -> CheckResult:
    rows = law.by_source()
    differences = law.differences()
    off = sum(abs(value) for value in differences.values())
    note = "Balanced." if not off else (
        f"{law.whole} and the sum of the outcomes differ by {off} in {len(differences)} source(s)."
    )  # fmt: skip
    return CheckResult(
        asset=LEAD_ASSET,
        name=name,
        passed=not off,
        severity=Severity.ERROR,
        note=note,
        numbers={**law.totals(), "difference": off},
        table=CheckTable(
            columns=("source", *law.terms, "difference"),
            rows=tuple(tuple(row.values()) for row in rows),
        ),
        command="hub verify" if off else None,
    )


def _fresh(source_key: str, source: SourceSettings, facts: Facts, now: datetime) -> CheckResult:
    last = facts.last_window.get(source_key)
    # A window's start is when its first record may have come; its last may be a window younger.
    age = None if last is None else max(now - last - WINDOW, timedelta())
    allowed = timedelta(seconds=source.fresh_within_s)
    if age is None:
        since = facts.registered.get(source_key)
        passed = since is not None and now - since <= allowed
        note = "No record has ever arrived" + ("; the source is new." if passed else ".")
    else:
        passed = age <= allowed
        note = f"The last record arrived about {_span(age.total_seconds())} ago."
    numbers: dict[str, int | float] = {"allowed_s": source.fresh_within_s}
    if age is not None:
        numbers["age_s"] = round(age.total_seconds())
    return CheckResult(
        asset=canonical_asset(source_key),
        name="fresh",
        passed=passed,
        severity=Severity.WARN if age is None else Severity.ERROR,
        note=note,
        numbers=numbers,
        command=None if passed else f"hub source check {source_key}",
        since=None if passed else last,
    )


def _nothing_held(source_key: str, groups: Sequence[HeldGroup]) -> CheckResult:
    by_reason: Counter[str] = Counter()
    for group in groups:
        by_reason[group.reason] += group.records
    total = by_reason.total()
    rows = tuple(
        (
            g.reason,
            g.pointer,
            g.records,
            f"{g.since:%Y-%m-%d %H:%M} UTC",
            f"hub drift show {g.finding}"
            if g.finding
            else f"hub held list --source {source_key} --reason {g.reason}",
        )
        for g in groups[:_ROWS_SHOWN]
    )
    return CheckResult(
        asset=canonical_asset(source_key),
        name="nothing_held",
        passed=not total,
        severity=Severity.WARN,
        note=f"{total} record(s) are held." if total else "Nothing is held.",
        numbers={"held": total, **{f"held_{r}": n for r, n in sorted(by_reason.items())}},
        table=CheckTable(("reason", "pointer", "records", "since", "run"), rows),
        command=f"hub held list --source {source_key}" if total else None,
        since=min((g.since for g in groups), default=None),
    )


def _latency(source_key: str, buckets: Sequence[int]) -> CheckResult:
    p99 = percentile_ms(buckets, 0.99)
    passed = p99 is None or p99 <= LATENCY_LIMIT_MS
    minutes = int(LATENCY_OVER.total_seconds() // 60)
    note = (
        f"No record in the last {minutes} minutes."
        if p99 is None
        else f"p99 of {sum(buckets)} records in the last {minutes} minutes."
    )
    return CheckResult(
        asset=canonical_asset(source_key),
        name="latency",
        passed=passed,
        severity=Severity.ERROR,
        note=note,
        numbers={"records": sum(buckets), **latency_numbers(buckets)},
        command=None if passed else "hub doctor",
    )


def latency_numbers(buckets: Sequence[int]) -> dict[str, int | float]:
    """p50, p95 and p99 in ms, and how many were slower than the last bound; nothing for no values.

    A percentile past the last bound is given as that bound, and `slower` says that it is one.
    """
    found: dict[str, int | float] = {}
    for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        value = percentile_ms(buckets, share)
        if value is not None:
            found[name] = min(value, LATENCY_BOUNDS_MS[-1])
    if buckets and buckets[-1]:
        found["slower"] = buckets[-1]
    return found


def _span(seconds: float) -> str:
    """A length of time as a person says it: `26 h`, `5 min`, `12 s`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
