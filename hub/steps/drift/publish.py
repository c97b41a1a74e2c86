"""Publish a proposal: tried first, live from the next batch on; what waits for it replays by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hub.alerts.notices import add_notice
from hub.alerts.outbox import raise_alert
from hub.database.engine import driver, store_errors
from hub.drift.kinds import Kind
from hub.drift.notice import Changed, NoticeFacts, change_notice
from hub.drift.places import is_place, schema_at
from hub.drift.situation import Proposal
from hub.errors import ConfigError, HubError
from hub.inbox.marks import MENDABLE, mark_range
from hub.inbox.newest import Where, count_waiting
from hub.ops.audit import write_audit
from hub.ops.wake import wake_loaders
from hub.privacy.keyring import KeyRing
from hub.registry import findings as registry
from hub.registry import live
from hub.registry.files import schema_files
from hub.registry.findings import Finding
from hub.settings import HubSettings
from hub.steps.drift.findings import SOLVED, close_quiet
from hub.steps.drift.proposal import Gathered
from hub.steps.drift.trial import TryResult, try_proposal
from hub.steps.publish import Checked, check_document, publish_on

# What only figures showed: no record carries its mark, so those since its first sight are marked now.
_STATISTICAL = (Kind.FORMAT_CHANGED, Kind.MEANING_SHIFTED)


class PublicationRefusedError(HubError):
    """The publication would lose values or leave held records behind; the text says how many and why."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who publishes, why, with which answers, and what that person takes upon himself."""

    by: str
    reason: str
    answers: Mapping[str, str] = field(default_factory=dict)
    allow_loss: bool = False
    allow_stranded: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did. `waiting` records are mapped anew by the loaders."""

    mapping: str
    contract: str | None
    publication: int
    solved: tuple[str, ...]
    marked: int
    notices: tuple[int, ...]
    waiting: int
    where: Where
    tried: TryResult


def check_proposal(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    gathered: Gathered,
    decision: Decision,
) -> tuple[Proposal, Checked, TryResult]:
    """The proposal, compiled, its own tests passed, tried; nothing is written.

    Raises:
        ConfigError: a question is open, an answer fits none, or nothing would change.
        PublicationRefusedError: a lead would lose a value, or held records would stay.
    """
    proposal = gathered.proposal(decision.answers)
    if proposal.open_questions:
        flags = "; ".join(
            f"{q.text} {q.flag()}" for q in proposal.questions if q.id in proposal.open_questions
        )
        raise ConfigError(f"the proposal asks: {flags}")
    if proposal.mapping == dict(gathered.live.mapping) and proposal.contract is None:
        raise ConfigError(
            f"{gathered.finding.id}: nothing in contract or mapping would change;"
            f" hub drift dismiss {gathered.finding.id} --reason …"
        )
    brought = proposal.contract or gathered.live.contract  # None: a shipped file holds it
    checked = check_document(schema_files(settings), proposal.mapping, brought)
    tried = try_proposal(engine, keyring, settings, gathered, proposal)
    refuse_loss(tried, allowed=decision.allow_loss)
    if tried.stranded and not decision.allow_stranded:
        raise PublicationRefusedError(
            f"{tried.stranded.total()} held records would stay held: {reasons_text(tried.stranded)};"
            " --allow-stranded publishes all the same"
        )
    return proposal, checked, tried


def refuse_loss(tried: TryResult, *, allowed: bool) -> None:
    """Nothing, if no lead would lose a value, or that is allowed.

    Raises:
        PublicationRefusedError: one would; says how many and which fields.
    """
    if tried.loses and not allowed:
        raise PublicationRefusedError(f"{tried.losses()}; --allow-loss goes on all the same")


def reasons_text(counts: Mapping[tuple[str, str], int]) -> str:
    """(reason, pointer) → count, in one line, the most frequent first."""
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} at {pointer or '/'} ({n})" for (reason, pointer), n in listed)


def publish_proposal(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    gathered: Gathered,
    decision: Decision,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Published:
    """Make the proposal live, in one transaction with the findings it solves, the marks and the notices.

    Raises:
        ConfigError, PublicationRefusedError: as `check_proposal`; or somebody else published meanwhile.
    """
    proposal, checked, tried = check_proposal(engine, keyring, settings, gathered, decision)
    finding, now = gathered.finding, clock()
    with store_errors(), engine.begin() as conn:
        _refuse_overtaken(conn, gathered)
        number = publish_on(
            conn,
            checked,
            merchant=finding.merchant,
            published_by=decision.by,
            reason=decision.reason,
            after=gathered.live.id,
        )
        solved = registry.decide(
            conn,
            proposal.findings,
            state=SOLVED,
            by=decision.by,
            reason=decision.reason,
            now=now,
            solved_by=checked.name,
        )
        marked = _mark(conn, gathered)
        waiting = count_waiting(driver(conn), gathered.where, MENDABLE, checked.name)
        notices = _write_notices(conn, settings, gathered, proposal, decision, (now, waiting))
        close_quiet(conn, gathered.findings)
        write_audit(conn, who=decision.by, action="publish proposal",
                    target=f"{checked.name} for {finding.id}", merchant=finding.merchant or None)  # fmt: skip
    with store_errors(), engine.begin() as conn:
        wake_loaders(conn)
    contract = str(proposal.contract["$id"]) if proposal.contract else None
    return Published(
        checked.name, contract, number, tuple(solved), marked, tuple(notices), waiting,
        gathered.where, tried,
    )  # fmt: skip


def _refuse_overtaken(conn: sa.Connection, gathered: Gathered) -> None:
    """Tell the second of two people before anything else: the first one's version may have the same name."""
    finding = gathered.finding
    past = live.history(conn, finding.platform, finding.entity, finding.merchant)
    if past and past[0].id != gathered.live.id:
        newer = past[0]
        raise ConfigError(
            f"{newer.published_by} published {newer.name} meanwhile"
            f" ({newer.published_at:%Y-%m-%d %H:%M:%S} UTC): look again, then publish"
        )


def still_waiting(engine: sa.Engine, published: Published) -> int:
    """How many records the loaders have not mapped under the new version yet."""
    with store_errors(), engine.begin() as conn:
        return count_waiting(driver(conn), published.where, MENDABLE, published.mapping)


def _mark(conn: sa.Connection, gathered: Gathered) -> int:
    """Mark what statistical findings are about; how many records."""
    marked = 0
    for finding in gathered.findings:
        if finding.kind not in _STATISTICAL:
            continue
        for source in _sources(conn, finding):
            raw = driver(conn)
            marked += mark_range(raw, source, finding.entity, finding.first_seen, finding.id)
    return marked


def _sources(conn: sa.Connection, finding: Finding) -> list[str]:
    shown = [row["source_key"] for row in registry.sources_of(conn, finding.id)]
    return shown or ([finding.source_key] if finding.source_key else [])


def _write_notices(
    conn: sa.Connection,
    settings: HubSettings,
    gathered: Gathered,
    proposal: Proposal,
    decision: Decision,
    published: tuple[datetime, int],
) -> list[int]:
    """A notice and an alert for each merchant whose leads change; the numbers of the notices."""
    now, waiting = published
    owners = {
        source.merchant: source.owner
        for source in settings.all_sources().values()
        if source.platform == gathered.finding.platform and source.owner
    }
    numbers = []
    for merchant in _merchants(conn, gathered):
        owner = gathered.finding.owner or owners.get(merchant) or decision.by
        facts = _facts(gathered, proposal, decision.by, owner, (now, waiting))
        title, body = change_notice(facts)
        number = add_notice(conn, merchant=merchant, title=title, body=body,
                            findings=proposal.findings, written_by=decision.by)  # fmt: skip
        raise_alert(
            conn,
            dedupe_key=f"change-notice:{number}",
            severity="info",
            merchant=merchant,
            owner=owner,
            facts={"title": title, "finding": gathered.finding.id},
        )
        numbers.append(number)
    return numbers


def _merchants(conn: sa.Connection, gathered: Gathered) -> list[str]:
    if gathered.finding.merchant:
        return [gathered.finding.merchant]
    shown = {row["merchant"] for f in gathered.findings for row in registry.sources_of(conn, f.id)}
    return sorted(shown & set(gathered.where.merchants)) or list(gathered.where.merchants)


def _facts(
    gathered: Gathered, proposal: Proposal, by: str, owner: str, published: tuple[datetime, int]
) -> NoticeFacts:
    contract: Mapping[str, Any] = proposal.contract or gathered.contract
    properties: Mapping[str, Any] = gathered.situation.canonical.get("properties", {})
    return NoticeFacts(
        platform=gathered.finding.platform,
        title=str(proposal.mapping.get("title", "")),
        entity=gathered.finding.entity,
        changes=_changes(gathered.findings, contract),
        before=gathered.live.mapping,
        after=proposal.mapping,
        labels={name: str(one.get("x-label-zh", name)) for name, one in properties.items()},
        replaying=published[1],
        owner=owner,
        published_by=by,
        published_at=published[0],
        vendor_spec=str(contract.get("x-vendor-spec", "")) if proposal.contract else "",
    )


def _changes(findings: Sequence[Finding], contract: Mapping[str, Any]) -> list[Changed]:
    """What changed, one line each; a part of another finding is told by that one."""
    return [
        Changed(
            f.kind,
            f.pointer,
            _label(contract, f.pointer),
            f.first_seen,
            str(f.detail.get("to", "")),
        )
        for f in findings
        if not f.detail.get("part_of")
    ]


def _label(contract: Mapping[str, Any], pointer: str) -> str:
    schema = schema_at(contract, pointer) if is_place(pointer) else None
    return str(schema.get("x-label-zh", "")) if isinstance(schema, Mapping) else ""
