"""The checks on quality: fields of each source, customers that stand twice. Pure: they judge what was counted."""

from __future__ import annotations

from collections.abc import Sequence

from hub.settings import HubSettings
from hub.steps.check_results import (
    CheckDeclaration,
    CheckResult,
    CheckTable,
    Severity,
    canonical_asset,
)
from hub.steps.quality.days import StoredQuality
from hub.steps.quality.dictionary import Dictionary
from hub.steps.quality.measure import FieldLine, SourceQuality, field_lines

CONTACT_ASSET = ("crm", "contact")
DOUBLED_LIMIT = 0.003
BAD = frozenset({"low", "anomalous"})
_COLUMNS = ("field", "label", "filled", "filled %", "anomalous %", "conflicts", "why", "words")


def declared_duplicates() -> CheckDeclaration:
    """The check on customers that stand twice."""
    return CheckDeclaration(
        CONTACT_ASSET,
        "duplicate_rate",
        f"Fewer than {DOUBLED_LIMIT:.1%} of customers stand twice, by phone, ID number, WeChat id or e-mail.",
    )


def declared_fields(source_key: str, settings: HubSettings) -> CheckDeclaration:
    """The check on a source's fields."""
    limits = settings.quality
    return CheckDeclaration(
        canonical_asset(source_key),
        "field_health",
        f"Core fields are filled by {limits.fill_min:.0%} of the leads of the last {limits.days} days,"
        f" and at most {limits.anomaly_max:.0%} of what is filled in means nothing.",
    )


def judge_fields(
    source_key: str, stored: StoredQuality, dictionary: Dictionary, settings: HubSettings
) -> CheckResult:
    """What was counted of a source in the last days against the limits."""
    found = stored.sources.get(source_key)
    lines = field_lines([found], dictionary, settings) if found else []
    bad = [line for line in lines if BAD & set(line.flags)]
    return CheckResult(
        asset=canonical_asset(source_key),
        name="field_health",
        passed=not bad,
        severity=Severity.WARN,
        note=_note(found, bad, stored, settings),
        numbers=_numbers(found, lines, bad),
        table=CheckTable(
            _COLUMNS, tuple(_row(line) for line in lines if line.is_core or line in bad)
        )
        if lines
        else None,
        command=f"hub quality fields --source {source_key}" if bad else None,
    )


def judge_duplicates(stored: StoredQuality, recent: tuple[int, int]) -> CheckResult:
    """Customers that stand twice: over the whole store as last counted, and leads of the last day as they are.

    `recent` is how many leads came in the last day, and how many of them have keys of two customers.
    """
    leads, doubled = recent
    rate = doubled / leads if leads else 0.0
    over = [one for one in stored.doubled if _share(one.doubled, one.contacts) >= DOUBLED_LIMIT]
    passed = rate < DOUBLED_LIMIT and not over
    contacts = sum(one.contacts for one in stored.doubled)
    twice = sum(one.doubled for one in stored.doubled)
    whole = f"{twice} of {contacts} customers stand twice" if stored.doubled else "Not yet counted"
    rows = tuple(
        (
            one.merchant,
            one.contacts,
            one.doubled,
            round(100 * _share(one.doubled, one.contacts), 3),
        )
        for one in stored.doubled
    )
    return CheckResult(
        asset=CONTACT_ASSET,
        name="duplicate_rate",
        passed=passed,
        severity=Severity.WARN,
        note=f"{whole}; {doubled} of {leads} leads of the last day have keys of two.",
        numbers={
            "leads": leads, "doubled": doubled, "rate": rate,
            "contacts": contacts, "contacts_doubled": twice,
            "contacts_rate": _share(twice, contacts),
        },
        table=CheckTable(("merchant", "customers", "twice", "twice %"), rows) if rows else None,
        command=None if passed else "hub verify --deep",
    )  # fmt: skip


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _note(
    found: SourceQuality | None,
    bad: Sequence[FieldLine],
    stored: StoredQuality,
    settings: HubSettings,
) -> str:
    days = settings.quality.days
    if stored.counted_at is None:
        return (
            "Not counted yet; the job count_quality does it hourly, `hub quality count` at once."
        )
    if found is None:
        return f"No lead came in the last {days} days."
    if found.leads < settings.quality.min_leads:
        return f"{found.leads} lead(s) in the last {days} days: too few to say anything."
    if not bad:
        return f"{found.leads} leads of the last {days} days are filled in well."
    named = "、".join(line.label_zh for line in bad[:5])
    return f"{len(bad)} field(s) of {found.leads} leads of the last {days} days: {named}."


def _numbers(
    found: SourceQuality | None, lines: Sequence[FieldLine], bad: Sequence[FieldLine]
) -> dict[str, int | float]:
    if found is None:
        return {"leads": 0, "flagged": 0}
    numbers: dict[str, int | float] = {
        "leads": found.leads,
        "flagged": len(bad),
        "duplicates": found.duplicates,
    }
    for line in lines:
        if line.is_core and line.fill_rate is not None and "unmapped" not in line.flags:
            numbers[f"fill_{line.field}"] = round(line.fill_rate, 4)
    return numbers


def _row(line: FieldLine) -> tuple[str | int | float, ...]:
    return (
        line.field,
        line.label_zh,
        line.filled,
        percent(line.fill_rate),
        percent(line.anomaly_rate),
        line.conflicts,
        "、".join(line.flags),
        "、".join(f"{word} {count}" for word, count in list(line.words.items())[:5]),
    )


def percent(share: float | None) -> str:
    """A share of 1 for people: `62.5 %`, a dash for none."""
    return "–" if share is None else f"{100 * share:.1f} %"
