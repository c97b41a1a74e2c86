"""The story of a deal: stages of an opportunity with their evidence, and the shares of a contract with their why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.finance import attribution as store
from hub.finance import reading
from hub.ops.audit import write_audit
from hub.steps.lookup import NotFoundError, Viewer

_json = msgspec.json.Decoder()
SIGNED = "signed"
EVIDENCE = ("evidence_by", "evidence_at", "evidence_ref")


def show_deal(
    engine: sa.Engine, viewer: Viewer, merchant: str, opportunity: str
) -> dict[str, Any]:
    """An opportunity's stages, oldest first: what was claimed, when, by which record, with which evidence.

    `signed` says what stands behind a claim to be signed: its evidence, contracts that name the opportunity.
    Names and references are masked unless revealed; that is audited.

    Raises:
        NotFoundError: no document names this opportunity.
    """
    with store_errors(), engine.begin() as conn:
        rows = store.stages(conn, merchant, opportunity)
        named = store.contracts_of_opportunity(conn, merchant, opportunity)
        contracts = reading.documents_by_id(conn, named)
        if not rows and not contracts:
            raise NotFoundError(f"no opportunity {opportunity} of merchant {merchant}")
        if viewer.revealed_to is not None:
            who = viewer.revealed_to
            write_audit(conn, who=who, action="reveal deal", target=opportunity, merchant=merchant)
    stages = [_stage(viewer, row) for row in rows]
    return {
        "opportunity": opportunity,
        "merchant": merchant,
        "stages": stages,
        "contracts": [_contract(row) for row in contracts],
        "signed": _signed(stages, contracts),
    }


def show_shares(
    engine: sa.Engine, merchant: str, contract: str, model: str | None = None
) -> dict[str, Any]:
    """A deal as it was last attributed: value, each touch's share and why, what restated it.

    Raises:
        NotFoundError: it is no deal, or attribution has not run since it came.
    """
    with store_errors(), engine.begin() as conn:
        deal = store.deal_of(conn, merchant, contract)
        if deal is None:
            raise NotFoundError(
                f"no such deal of merchant {merchant}; `hub attribution run` tells new ones"
            )
        shares = store.shares_of(conn, merchant, [contract])
        changes = store.restatements_of(conn, merchant, contract)
    return {
        "contract": contract,
        "merchant": merchant,
        "opportunity": deal.opportunity_number,
        "on_date": deal.on_date,
        "standing": deal.standing,
        "contact": deal.contact_id,
        "via": deal.via,
        "signed_fen": deal.signed_fen,
        "refunded_fen": deal.refunded_fen,
        "value_fen": deal.value_fen,
        "received_fen": deal.received_fen,
        "rules": deal.rules_version,
        "computed_at": deal.computed_at,
        "shares": [_share(one) for one in shares if model in (None, one.model)],
        "restated": [
            {
                "at": row["restated_at"], "model": row["model"], "reasons": row["reasons"],
                "channel": row["channel"], "campaign": row["campaign"],
                "creative": row["creative"], "before_fen": row["before_fen"],
                "after_fen": row["after_fen"],
            }
            for row in changes
            if model in (None, row["model"])
        ],
    }  # fmt: skip


def _share(one: store.ShareRow) -> dict[str, Any]:
    return {
        "model": one.model, "touch": one.touch_id, "kind": one.kind, "at": one.occurred_at,
        "channel": one.channel or None, "campaign": one.campaign or None,
        "creative": one.creative or None, "position": list(one.why), "parts": one.parts,
        "whole": one.whole, "fen": one.fen, "received_fen": one.received_fen,
        "lead": one.lead_id, "referrer": one.referrer_id,
    }  # fmt: skip


def _stage(viewer: Viewer, row: sa.RowMapping) -> dict[str, Any]:
    facts: Mapping[str, Any] = row["facts"]
    doc = _json.decode(viewer.keyring.unseal(row["sealed"], row["id"].bytes))
    to = facts.get("stage_to") or (row["state"] if row["entity"] == "opportunity" else None)
    evidence = {name: doc[name] for name in EVIDENCE if doc.get(name)}
    return {
        "at": facts.get("occurred_at") or facts.get("modified_at") or row["on_date"],
        "entity": row["entity"],
        "kind": row["kind"],
        "from": facts.get("stage_from"),
        "to": to,
        "owner": viewer.mask("owner", doc["owner"]) if doc.get("owner") else None,
        "evidence": {
            name: value if name == "evidence_at" else viewer.mask(name, value)
            for name, value in evidence.items()
        },
        "claimed_only": to == SIGNED and "evidence_ref" not in evidence,
        "source": row["source_key"],
        "record": row["first_record_id"],
        "received_at": row["received_at"],
    }


def _contract(row: sa.RowMapping) -> dict[str, Any]:
    facts = row["facts"]
    return {
        "number": row["number"],
        "state": row["state"],
        "on_date": row["on_date"],
        "amount_fen": row["amount_fen"],
        "is_sealed": facts.get("is_sealed"),
        "has_scan": "scan_hash" in facts or "scan_ref" in facts.get("withheld", ()),
        "source": row["source_key"],
    }


def _signed(stages: list[dict[str, Any]], contracts: list[sa.RowMapping]) -> str | None:
    """What stands behind the claim to be signed; None if nobody claims it."""
    claims = [one for one in stages if one["to"] == SIGNED]
    if any(not one["claimed_only"] for one in claims):
        return "evidence"
    if any(row["facts"].get("is_sealed") for row in contracts):
        return "sealed contract"
    if contracts and claims:
        return "contract that is not sealed"
    return "claimed without evidence" if claims else None
