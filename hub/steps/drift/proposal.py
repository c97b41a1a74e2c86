"""The situation of a finding, and the proposal that follows from it. Reads only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from hub.database.engine import driver, store_errors
from hub.drift.kinds import Kind
from hub.drift.propose import propose
from hub.drift.situation import Proposal, Situation
from hub.errors import ConfigError
from hub.inbox.marks import MENDABLE
from hub.inbox.newest import SampleRecord, Where, newest_held, newest_records
from hub.model.ids import uuid7_floor
from hub.privacy.keyring import KeyRing
from hub.registry import findings as registry
from hub.registry import live
from hub.registry.files import CANONICAL_LEAD, SchemaFiles, schema_files
from hub.registry.findings import Finding
from hub.settings import HubSettings
from hub.steps.drift.compiled import compiler
from hub.steps.lookup import NotFoundError

HELD_SAMPLES, LIVE_SAMPLES, EARLIER_SAMPLES = 1000, 200, 50
OPEN_STATES = ("open", "joined")  # what is only suspected waits until more records show it
_LAST_ID = UUID(int=(1 << 128) - 1)
_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Sample:
    """A record with its payload; never shown."""

    record: SampleRecord
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a proposal, a try and a publication of one scope need."""

    finding: Finding
    findings: Sequence[Finding]
    live: live.Document
    contract: Mapping[str, Any]
    where: Where
    held: Sequence[Sample]
    newest: Sequence[Sample]
    situation: Situation = field(repr=False)

    def proposal(self, answers: Mapping[str, str]) -> Proposal:
        """The proposal under these answers.

        Raises:
            ConfigError: an answer fits no question.
        """
        return propose(replace(self.situation, answers=dict(answers)))


def find_one(conn: sa.Connection, beginning: str) -> Finding:
    """The finding whose id begins so.

    Raises:
        NotFoundError: none does, or several do.
    """
    found = registry.find_finding(conn, beginning) if beginning else []
    exact = [one for one in found if one.id == beginning]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if found:
        raise NotFoundError(
            f"{beginning} begins {len(found)} ids: {', '.join(one.id for one in found)}"
        )
    raise NotFoundError(f"no finding {beginning!r}; `hub drift list` shows them")


def gather(
    engine: sa.Engine,
    keyring: KeyRing,
    settings: HubSettings,
    beginning: str,
    *,
    only: bool = False,
    last: int = LIVE_SAMPLES,
) -> Gathered:
    """What there is to know about a finding: with it come all open ones of its scope and entity, unless `only`.

    Raises:
        NotFoundError: there is no such finding.
        ConfigError: nothing is live there, so there is nothing to change.
    """
    files = schema_files(settings)
    with store_errors(), engine.begin() as conn:
        finding = find_one(conn, beginning)
        document = live.live_publication(conn, finding.platform, finding.entity, finding.merchant)
        if document is None:
            what = f"{finding.platform}/{finding.entity}"
            raise ConfigError(f"{what}: no mapping is live; hub mapping publish {what}")
        findings = _covered(conn, finding, only=only)
        where = scope_of(conn, settings, finding)
        raw = driver(conn)
        held = newest_held(raw, where, MENDABLE, HELD_SAMPLES)
        newest = newest_records(raw, where, before=_LAST_ID, limit=last)
        since = min(each.first_seen for each in findings)
        before = newest_records(raw, where, before=uuid7_floor(since), limit=EARLIER_SAMPLES)
        sheet = registry.newest_sheet(conn, finding.platform, finding.entity)
        taken = _taken(conn, files, finding)
    contract = document.contract or files.contract(str(document.mapping["from"]))
    groups = [_opened(keyring, group) for group in (held, newest, before)]
    situation = Situation(
        mapping=document.mapping,
        contract=contract,
        canonical=files.newest_contract(CANONICAL_LEAD),
        findings=findings,
        payloads=_looked_at(groups),
        compile=compiler(files),
        sheet=sheet.fields if sheet else {},
        sheet_title=sheet.title if sheet else "",
        taken=taken,
    )
    return Gathered(finding, findings, document, contract, where, groups[0], groups[1], situation)


def _covered(conn: sa.Connection, finding: Finding, *, only: bool) -> list[Finding]:
    if only:
        parts = registry.find_findings(
            conn, states=OPEN_STATES, platform=finding.platform, entity=finding.entity
        )
        return [finding, *(p for p in parts if p.detail.get("part_of") == finding.id)]
    found = registry.find_findings(
        conn,
        states=OPEN_STATES,
        platform=finding.platform,
        entity=finding.entity,
        merchant=finding.merchant,
    )
    alike = [each for each in found if each.kind not in (Kind.SILENCE, Kind.SURGE)]
    return alike if any(each.id == finding.id for each in alike) else [finding, *alike]


def scope_of(conn: sa.Connection, settings: HubSettings, finding: Finding) -> Where:
    """The sources and merchants whose records the live mapping of a finding's scope maps."""
    sources = settings.all_sources()
    keys = {key for key, source in sources.items() if source.platform == finding.platform}
    merchants = {sources[key].merchant for key in keys}
    for row in registry.sources_of(conn, finding.id):
        keys.add(row["source_key"])
        merchants.add(row["merchant"])
    if finding.merchant:
        merchants = {finding.merchant}
    else:
        own = {
            m
            for m, p, e in live.live_versions(conn).ids
            if (p, e) == (finding.platform, finding.entity)
        }
        merchants -= own
    return Where(sorted(keys), finding.entity, sorted(merchants))


def _taken(conn: sa.Connection, files: SchemaFiles, finding: Finding) -> frozenset[str]:
    """Names of mappings and contracts that exist already, shipped or published for anybody."""
    past = live.history(conn, finding.platform, finding.entity)
    documents = live.documents_of(conn, [each.id for each in past]).values()
    names = {each.name for each in documents} | {str(each.mapping["from"]) for each in documents}
    names |= {str(name) for name in files.mapping_names()}
    return frozenset(names | {path.removesuffix(".json") for path in files.documents()})


def _opened(keyring: KeyRing, records: Sequence[SampleRecord]) -> list[Sample]:
    """Records with their payloads; what is no JSON object is left out."""
    found = []
    for record in records:
        try:
            payload = _json.decode(keyring.unseal(bytes(record.sealed), record.id.bytes))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(payload, dict):
            found.append(Sample(record, payload))
    return found


def _looked_at(groups: Sequence[Sequence[Sample]]) -> list[Mapping[str, Any]]:
    """The payloads of the groups, each once, in the order of their records: the same for the same store."""
    held, newest, before = groups
    samples = {each.record.id: each for each in (*before, *newest, *held[:LIVE_SAMPLES])}
    return [samples[key].payload for key in sorted(samples)]


def proposal_json(proposal: Proposal) -> dict[str, Any]:
    """A proposal for programs: documents, lines, questions, verdicts."""
    return {
        "mapping": proposal.mapping["mapping"],
        "contract": proposal.contract["$id"] if proposal.contract else None,
        "step": proposal.step,
        "step_reason": proposal.step_reason,
        "lines": [
            {"what": line.what, "reason": line.reason, "evidence": line.evidence}
            for line in proposal.lines
        ],
        "questions": [
            {
                "id": question.id,
                "text": question.text,
                "choices": {choice.name: choice.does for choice in question.choices},
                "open": question.id in proposal.open_questions,
            }
            for question in proposal.questions
        ],
        "verdicts": [
            {
                "side": verdict.side,
                "state": verdict.state,
                "reason": verdict.reason,
                "pointer": verdict.pointer,
                "witness": json.loads(json.dumps(verdict.witness, default=str)),
            }
            for verdict in proposal.verdicts
        ],
        "documents": {"mapping": proposal.mapping, "contract": proposal.contract},
    }
