"""What a business document says of a person and of a company, as blind keys, in the words of a lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.identity.companies import company_keys
from hub.model.keys import identity_keys
from hub.privacy.keyring import KeyRing

_AS_LEAD = {
    "mobile_e164": "mobile_e164",
    "party_name": "company",
    "party_credit_code": "company_credit_code",
    "party_tax_number": "company_tax_number",
}
NAME_A_CUSTOMER = frozenset({"contract", "opportunity"})
"""Entities whose party is a customer: a company of its own, if no lead has named it yet."""


@dataclass(frozen=True, slots=True)
class DocumentKeys:
    """Sorted blind keys: of the person a document names, and of its party."""

    person: list[bytes]
    party: list[bytes]


def stated(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Who a document speaks of, in a lead's words."""
    return {ours: doc[name] for name, ours in _AS_LEAD.items() if name in doc}


def document_keys(ring: KeyRing, merchant: str, doc: Mapping[str, Any]) -> DocumentKeys:
    """The blind keys of a document, under the ring's active index key."""
    said = stated(doc)
    return DocumentKeys(
        sorted({ring.blind(merchant, key) for key in identity_keys(said)}),
        sorted({ring.blind(merchant, key) for key in company_keys(said)}),
    )
