"""What a business document says in the open, and what it says of a person and of a company: as blind keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.identity.companies import company_keys
from hub.mapping.business import PRIVATE_FIELDS
from hub.model.keys import identity_keys
from hub.model.lead import IdentityKey
from hub.privacy.keyring import KeyRing
from hub.steps.erasure.redact_document import mentioned, shows_somebody

_AS_LEAD = {
    "mobile_e164": "mobile_e164",
    "party_name": "company",
    "party_credit_code": "company_credit_code",
    "party_tax_number": "company_tax_number",
}
NO_CURRENCY = "XXX"
"""ISO 4217 for a currency that is none: what a document says that is no code of three letters."""
_CURRENCY = re.compile("[A-Z]{3}")
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


def open_facts(doc: Mapping[str, Any]) -> dict[str, Any]:
    """What names nobody, for columns and `facts`.

    A field that may name somebody is left out, and so is any other in whose text a mobile or a resident ID number
    stands (a customer's code that is their phone, a tax number of a person). `withheld` names what is only sealed.
    """
    kept = {
        name: value
        for name, value in doc.items()
        if name not in PRIVATE_FIELDS and not shows_somebody(name, value)
    }
    withheld = sorted(doc.keys() - kept.keys())
    if not _CURRENCY.fullmatch(kept.get("currency", NO_CURRENCY)):
        kept["currency"] = NO_CURRENCY  # free text; it must not pass for the home currency either
        withheld = sorted({*withheld, "currency"})
    return {**kept, "withheld": withheld} if withheld else kept


def document_keys(ring: KeyRing, merchant: str, doc: Mapping[str, Any]) -> DocumentKeys:
    """The blind keys of a document, under the ring's active index key."""
    said = stated(doc)
    return DocumentKeys(
        sorted({ring.blind(merchant, key) for key in identity_keys(said)}),
        sorted({ring.blind(merchant, key) for key in (*company_keys(said), *_as_party(doc))}),
    )


def _as_party(doc: Mapping[str, Any]) -> Iterator[IdentityKey]:
    """A code or tax number that is withheld still says that two documents have one party."""
    for name in ("party_code", "party_tax_number"):
        if name in doc and shows_somebody(name, doc[name]):
            yield from mentioned(doc[name])
