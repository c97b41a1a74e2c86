"""What `hub drift` prints: findings, proposals, tries. Nothing of it is personal that is not masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from hub.cli.output import print_line, print_rows
from hub.drift.situation import Proposal
from hub.steps.drift import publish as publishing
from hub.steps.drift.trial import TryResult

LEADS_SHOWN = 3  # of held records, of live ones, of samples


def print_finding(shown: Mapping[str, Any]) -> None:
    """A finding: what, where, how often, what became of it, its notices."""
    print_line(f"{shown['id']} {shown['state']}: {shown['what']}")
    print_line(
        f"  {shown['platform']}/{shown['entity']}{_of(shown['merchant'])}, {shown['severity']},"
        f" breaks {shown['breaks']}"
    )
    print_line(
        f"  seen {shown['count']} times, {_at(shown['first_seen'])} to {_at(shown['last_seen'])},"
        f" {shown['held']} records held"
    )
    if shown["detail"].get("witness"):
        print_line(f"  for example: {shown['detail']['witness']}")
    for row in shown["sources"]:
        print_line(
            f"  source {row['source_key']}: {row['count']} times since {_at(row['first_seen'])}"
        )
    if shown["decided_by"]:
        by = f" by {shown['solved_by']}" if shown["solved_by"] else ""
        print_line(
            f"  {shown['state']}{by}, {_at(shown['decided_at'])}, {shown['decided_by']}: {shown['reason']}"
        )
    for notice in shown["notices"]:
        print_line(f"\n{notice['body']}")
    if shown["run"]:
        print_line(f"  run: {shown['run']}")


def print_proposal(proposal: Proposal) -> None:
    """A proposal: every line with its reason, the verdicts, the questions."""
    if not proposal.changes_anything and not proposal.questions:
        print_line("\nno change of contract or mapping follows from it")
        return
    contract = proposal.contract["$id"] if proposal.contract else "the live contract"
    print_line(f"\nproposal: {proposal.mapping['mapping']} with {contract}")
    print_line(f"  step of the contract: {proposal.step} ({proposal.step_reason})")
    for line in proposal.lines:
        evidence = f" [{line.evidence}]" if line.evidence else ""
        print_line(f"  - {line.what}\n      {line.reason}{evidence}")
    for verdict in proposal.verdicts:
        print_line(f"  {_SIDES[verdict.side]} {verdict.state}: {verdict.reason}")
        if verdict.state == "breaks":
            print_line(f"      witness: {_short(verdict.witness)}")
    print_questions(proposal)


_SIDES = {
    "producer": "does the producer break us?",
    "readers": "do we break readers of the lead?",
    "archive": "do old payloads still map?",
}


def print_questions(proposal: Proposal) -> None:
    """Every question with its choices, and how to answer."""
    for question in proposal.questions:
        state = "open" if question.id in proposal.open_questions else "answered"
        print_line(f"  question {question.id} ({state}): {question.text}")
        for choice in question.choices:
            print_line(f"      --answer {question.id}={choice.name}: {choice.does}")


def print_try(result: TryResult, proposal: Proposal) -> None:
    """A try: leads that change, counts by field, what would stay held or be lost."""
    counts = ", ".join(f"{n} {origin}" for origin, n in sorted(result.records.items()))
    print_line(f"{result.before} → {result.after}, tried on {counts or 'no'} records")
    _print_leads(result)
    if result.fields:
        words = ("gained", "changed", "moved", "lost")
        rows = [(name, *(c[word] for word in words)) for name, c in sorted(result.fields.items())]
        print_rows(("field", *words), rows, as_json=False)
    print_line(f"{result.changed_leads} leads change; {result.would_load} held records would load")
    for title, counted in (
        ("would stay held", result.staying),
        ("load today and would be held", result.newly_held),
        ("invented samples that would be held", result.sample_problems),
    ):
        if counted:
            print_line(f"{title}: {publishing.reasons_text(counted)}")
    if result.loses:
        print_line(f"loss: {result.losses()}")
    print_questions(proposal)


def _print_leads(result: TryResult) -> None:
    told: Counter[str] = Counter()
    for change in result.leads:
        told[change.origin] += 1
        if told[change.origin] > LEADS_SHOWN:
            continue
        print_line(f"  {change.origin} {change.lead or change.record}")
        for one in change.changes:
            print_line(
                f"      {one.field}: {_short(one.before)} → {_short(one.after)} ({one.what})"
            )
    more = sum(max(0, count - LEADS_SHOWN) for count in told.values())
    if more:
        print_line(f"  … and {more} more that were looked at; --json lists them")


def try_json(result: TryResult, proposal: Proposal) -> dict[str, Any]:
    """A try for programs."""

    def listed(counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
        return [{"reason": r, "pointer": p, "count": n} for (r, p), n in sorted(counts.items())]

    return {
        "before": result.before,
        "after": result.after,
        "records": dict(result.records),
        "would_load": result.would_load,
        "staying": listed(result.staying),
        "stranded": listed(result.stranded),
        "newly_held": listed(result.newly_held),
        "sample_problems": listed(result.sample_problems),
        "fields": {name: dict(counts) for name, counts in sorted(result.fields.items())},
        "changed_leads": result.changed_leads,
        "losing_leads": result.losing_leads,
        "other_ids": result.other_ids,
        "loses": result.loses,
        "open_questions": list(proposal.open_questions),
        "leads": [asdict(change) for change in result.leads],
    }


def print_published(done: publishing.Published) -> None:
    """What a publication did."""
    contract = f" with {done.contract}" if done.contract else ""
    print_line(f"{done.mapping}{contract} is live (publication {done.publication})")
    print_line(f"solved: {', '.join(done.solved) or 'nothing'}; notices: {len(done.notices)}")
    print_line(f"{done.waiting} records replay now")


def _of(merchant: str) -> str:
    return f" of {merchant}" if merchant else ""


def _at(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}" if instant else ""


def _short(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    text = "–" if value is None else str(value)
    return text if len(text) <= 200 else text[:199] + "…"
