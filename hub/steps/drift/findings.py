"""Findings for people: list, show, dismiss; the vendor's field sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.alerts.notices import notices_about
from hub.alerts.outbox import close_alert
from hub.database.engine import driver, store_errors
from hub.drift.kinds import Kind, State
from hub.drift.sheet import decode_sheet, read_sheet, sheet_differences
from hub.errors import ConfigError
from hub.inbox.newest import held_by_finding
from hub.ops.audit import write_audit
from hub.registry import findings as registry
from hub.registry import live
from hub.registry.files import SchemaFiles
from hub.registry.findings import Finding
from hub.steps.drift.proposal import find_one
from hub.steps.publish import split_entity

SOLVED, DISMISSED = "solved", "dismissed"


def list_findings(engine: sa.Engine, *, state: str = "open") -> list[dict[str, Any]]:
    """Findings with the number of records that each holds now; `all` gives every state.

    Raises:
        ConfigError: there is no such state.
    """
    known = (*map(str, State), "all")
    if state not in known:
        raise ConfigError(f"state {state!r} is none of {', '.join(known)}")
    states = None if state == "all" else (state,)
    with store_errors(), engine.begin() as conn:
        found = registry.find_findings(conn, states=states)
        held = held_by_finding(driver(conn), [each.id for each in found])
    return [{**_summary(each), "held": held.get(each.id, 0)} for each in found]


def show_finding(engine: sa.Engine, beginning: str) -> dict[str, Any]:
    """One finding: the sources that show it, its masked witness, held records, notices, what to run.

    Raises:
        NotFoundError: there is none, or its id is too short.
    """
    with store_errors(), engine.begin() as conn:
        finding = find_one(conn, beginning)
        sources = registry.sources_of(conn, finding.id)
        held = held_by_finding(driver(conn), [finding.id]).get(finding.id, 0)
        notices = notices_about(conn, finding.id)
    return {
        **_summary(finding),
        "held": held,
        "detail": dict(finding.detail),
        "reopened": finding.reopened,
        "solved_by": finding.solved_by,
        "decided_by": finding.decided_by,
        "decided_at": finding.decided_at,
        "reason": finding.reason,
        "sources": [
            {
                name: row[name]
                for name in ("source_key", "merchant", "first_seen", "last_seen", "count")
            }
            for row in sources
        ],
        "notices": [
            {name: row[name] for name in ("id", "merchant", "title", "body", "created_at")}
            for row in notices
        ],
        "run": what_to_run(finding),
    }


def what_to_run(finding: Finding) -> str:
    """The command that helps with a finding."""
    if finding.state in (SOLVED, DISMISSED):
        return ""
    if finding.kind in (Kind.SILENCE, Kind.SURGE):
        return f"hub source check {finding.source_key}"
    part_of = finding.detail.get("part_of")
    return f"hub drift publish {part_of or finding.id} --reason …"


def settled(finding: Finding) -> str | None:
    """A line that says how a finding was settled already, None if it is not."""
    when = f"{finding.decided_at:%Y-%m-%d %H:%M:%S} UTC" if finding.decided_at else "earlier"
    if finding.state == SOLVED:
        solver = finding.solved_by or "a publication"
        return f"{finding.id} is solved already: by {solver}, {when}, {finding.decided_by}"
    if finding.state == DISMISSED:
        return f"{finding.id} was dismissed {when} by {finding.decided_by}: {finding.reason}"
    return None


def settled_line(engine: sa.Engine, beginning: str) -> str | None:
    """`settled` of the finding whose id begins so.

    Raises:
        NotFoundError: there is none, or its id is too short.
    """
    with store_errors(), engine.begin() as conn:
        return settled(find_one(conn, beginning))


def dismiss_finding(
    engine: sa.Engine, beginning: str, *, by: str, reason: str, now: datetime
) -> tuple[Finding, list[str]]:
    """Stop speaking of a finding and of what is part of it; the finding as it was, the ids dismissed.

    Raises:
        NotFoundError: there is none, or its id is too short.
    """
    with store_errors(), engine.begin() as conn:
        finding = find_one(conn, beginning)
        parts = registry.find_findings(conn, states=("joined",), platform=finding.platform)
        ids = [finding.id, *(p.id for p in parts if p.detail.get("part_of") == finding.id)]
        done = registry.decide(conn, ids, state=DISMISSED, by=by, reason=reason, now=now)
        if done:
            close_quiet(conn, [finding])
            write_audit(conn, who=by, action="dismiss finding", target=finding.id,
                        merchant=finding.merchant or None)  # fmt: skip
    return finding, done


def close_quiet(conn: sa.Connection, findings: Sequence[Finding]) -> None:
    """Close the alerts of places where nothing is open any more; their key is that of `drift_alerts`."""
    still = {_place(one) for one in registry.find_findings(conn, states=("open",))}
    for place in {_place(one) for one in findings} - still:
        close_alert(conn, "drift:" + ":".join(place))


def _place(finding: Finding) -> tuple[str, str, str, str]:
    return finding.merchant, finding.platform, finding.entity, finding.source_key


def add_sheet_file(
    engine: sa.Engine, files: SchemaFiles, path: Path, what: str, *, title: str, by: str
) -> tuple[int, list[tuple[str, str]]]:
    """Keep a vendor's field sheet for platform/entity; its number of fields, how it differs from the live contract.

    Raises:
        ConfigError: the file is not there or holds no table of fields; names file and what was expected.
    """
    platform, entity = split_entity(what)
    try:
        fields = read_sheet(decode_sheet(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    with store_errors(), engine.begin() as conn:
        registry.add_sheet(conn, platform, entity, title=title or path.stem, fields=fields, by=by)
        write_audit(conn, who=by, action="add field sheet", target=what)
        document = live.live_publication(conn, platform, entity)
    if document is None:
        return len(fields), []
    contract = document.contract or files.contract(str(document.mapping["from"]))
    return len(fields), sheet_differences(fields, contract)


def _summary(finding: Finding) -> dict[str, Any]:
    names = ("id", "state", "kind", "severity", "breaks", "merchant", "platform", "entity", "source_key",
             "pointer", "count", "first_seen", "last_seen", "owner", "mapping_version")  # fmt: skip
    summary: dict[str, Any] = {name: getattr(finding, name) for name in names}
    return summary | {"what": finding_line(finding.kind, finding.pointer, finding.detail)}


def finding_line(kind: str, pointer: str, detail: Mapping[str, Any]) -> str:
    """What changed, in a few words that name nobody."""
    said = [f"→ {detail['to']}"] if detail.get("to") else []
    if detail.get("expected") and detail.get("found"):
        said.append(f"expected {detail['expected']}, found {detail['found']}")
    elif detail.get("witness"):
        said.append(str(detail["witness"]))
    if detail.get("part_of"):
        said.append(f"part of {detail['part_of']}")
    return " ".join([kind, pointer or "/", *said])


def columns_of_list() -> Sequence[str]:
    """The columns of a list for people."""
    return ("id", "state", "kind", "severity", "platform", "entity", "merchant", "pointer", "count", "held",
            "first_seen", "last_seen")  # fmt: skip
