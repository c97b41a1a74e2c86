"""The vocabulary of business documents: contracts, approvals, money, opportunities; each field and its kind.

A business document comes through the same inbox, contracts and mappings as a lead; its mapping says
`to: canonical/<entity>/<version>`. Money is whole fen, a business date is a calendar date without zone.
`schemas/canonical/<entity>` says the same for people and other programs; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

LEAD = "lead"

_COMMON: Mapping[str, str] = {
    "number": "text",
    "kind": "text",
    "state": "text",
    "state_raw": "text",
    "on_date": "date",
    "amount_fen": "int",
    "currency": "text",
    "contract_number": "text",
    "order_number": "text",
    "party_name": "text",
    "party_code": "text",
    "party_credit_code": "text",
    "party_tax_number": "text",
    "owner": "text",
    "organisation": "text",
    "modified_at": "instant",
    "remark": "text",
}
_MONEY: Mapping[str, str] = {"tax_fen": "int", "fee_fen": "int", "source_currency_amount": "text"}
# A line of a bill is a document under the bill's number: two lines are no duplicate of it.
_LINE: Mapping[str, str] = {"line": "text"}
_CAMPAIGN: Mapping[str, str] = {"utm_campaign": "text", "campaign_id": "text"}

_OWN: Mapping[str, Mapping[str, str]] = {
    "opportunity": {
        **_CAMPAIGN,
        "title": "text",
        "expected_sign_on": "date",
        "expected_receipt_on": "date",
        "closed_on": "date",
        "lead_external_id": "text",
        "lead_source": "text",
        "mobile_e164": "mobile",
        "evidence_by": "text",
        "evidence_at": "instant",
        "evidence_ref": "text",
    },
    "activity": {
        "opportunity_number": "text",
        "occurred_at": "instant",
        "stage_from": "text",
        "stage_to": "text",
        "mobile_e164": "mobile",
        "evidence_by": "text",
        "evidence_ref": "text",
        "message": "text",
    },
    "contract": {
        **_CAMPAIGN,
        "title": "text",
        "effective_on": "date",
        "end_on": "date",
        "parent_number": "text",
        "amends_number": "text",
        "opportunity_number": "text",
        "flow_id": "text",
        "scan_ref": "text",
        "scan_hash": "text",
        "is_sealed": "bool",
        "mobile_e164": "mobile",
    },
    "approval": {"reason": "text", "decided_by": "text", "decided_at": "instant"},
    "signing": {
        "flow_id": "text",
        "title": "text",
        "signed_at": "instant",
        "event": "text",
        "signer": "text",
        "last_signed_at": "instant",
        "all_signed": "bool",
    },
    "receivable": {**_MONEY, **_LINE, "due_on": "date", "written_off_fen": "int"},
    "invoice": {
        **_MONEY,
        "invoice_code": "text",
        "red_of": "text",
        "void_on": "date",
        "request_number": "text",
        "receivable_number": "text",
    },
    "receipt": {
        **_MONEY,
        **_LINE,
        "invoice_number": "text",
        "account_ref": "text",
        "posted_on": "date",
    },
    "refund": {**_MONEY, **_LINE, "receipt_number": "text"},
    "receiving_account": {"account_ref": "text", "bank": "text", "filed_by": "text"},
    "order": {**_CAMPAIGN, "product": "text", "store": "text", "mobile_e164": "mobile"},
    "verification": {"store": "text", "product": "text"},
    "settlement": {**_MONEY, "period": "text", "order_numbers": "list"},
    "spend": {
        **_CAMPAIGN,
        "channel": "text",
        "creative_id": "text",
        "planned_fen": "int",
        "impressions": "int",
        "clicks": "int",
    },
}

BUSINESS_FIELDS: Mapping[str, Mapping[str, str]] = {
    entity: {**_COMMON, **own} for entity, own in _OWN.items()
}
"""Entity → field → kind."""


PRIVATE_FIELDS = frozenset(
    {
        *(
            "party_name",
            "remark",
            "mobile_e164",
            "evidence_by",
            "evidence_ref",
            "message",
            "title",
        ),
        *("decided_by", "signer", "account_ref", "filed_by", "scan_ref", "owner", "reason"),
        *("lead_external_id", "extra"),
    }
)
"""Fields that may name somebody: they are kept sealed only."""


def business_kind(entity: str, target: str) -> str | None:
    """The kind of a field of a business document, None if the entity has no such field."""
    return BUSINESS_FIELDS[entity].get(target)
