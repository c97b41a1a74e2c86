"""What is left of a business document when the person it speaks of is erased. Pure; nothing here reads the store.

Numbers, amounts, dates and states stay, as books must be kept. What is the person's own goes: phone, free text, raw
leftovers. Their name becomes a stand-in that nobody has but the documents of that erasure, so that a contract and
its invoice still name one party and reconciliation finds what it found before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from hub.identity.companies import company_name
from hub.mapping.business import BUSINESS_FIELDS, PRIVATE_FIELDS
from hub.model.credit_codes import is_credit_code
from hub.model.keys import identity_keys, telling_name
from hub.model.lead import IdentityKey, KeyKind

_CHINA = timezone(timedelta(hours=8))
_OWN = frozenset({"mobile_e164", "remark", "message", "lead_external_id", "signer", "extra"})
"""Fields that speak of nobody but the person, in a document that names them."""
_STAFF = frozenset({"owner", "decided_by", "filed_by", "evidence_by"})
# What documents are matched by, and what the platform's page calls a number of the document: never a person's.
_REFERENCES = frozenset({"number", "red_of", "invoice_code", "flow_id", "scan_hash", "currency"})
_TEXTS = frozenset(
    name
    for fields in BUSINESS_FIELDS.values()
    for name, kind in fields.items()
    if kind in ("text", "list", "mobile")
    and name not in _REFERENCES
    and not name.endswith("_number")
) | {"party_tax_number", "extra"}
_WHEN = ("on_date", "occurred_at", "evidence_at", "signed_at", "modified_at")
_MOBILE = re.compile(
    r"(?<![0-9])(?:\+?0{0,2}86[\s-]?)?(1[3-9]\d)[\s-]?(\d{4})[\s-]?(\d{4})(?![0-9])"
)
_ID_NUMBER = re.compile(r"(?<![0-9A-Z])[1-9]\d{16}[\dX](?![0-9A-Z])")


@dataclass(frozen=True, slots=True)
class Redaction:
    """How to know what is somebody's, and what their name becomes.

    Args:
        stand_in: What their name becomes.
        names: Their names, as `telling_name` has them.
        is_theirs: Whether one of their values (phone, ID number, WeChat id …) stands in a text.
    """

    stand_in: str
    names: frozenset[str]
    is_theirs: Callable[[str], bool]


def stand_in_of(receipt: UUID) -> str:
    """The name of a party that was erased under this receipt; random, so it leads to nobody."""
    return f"已删除客户{receipt.hex[-12:]}"


def names_key(doc: Mapping[str, Any], has: Callable[[IdentityKey], bool]) -> bool:
    """Whether a document's own field names somebody by a key."""
    return any(has(key) for key in identity_keys({"mobile_e164": doc.get("mobile_e164")}))


def texts_of(value: Any) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    """Every text within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_of(each)


def private_texts(doc: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a document in which somebody may stand; its own numbers are none."""
    for name, value in doc.items():
        if name in _TEXTS:
            yield from texts_of(value)


def mentioned(text: str) -> Iterator[IdentityKey]:
    """The mainland mobiles and resident ID numbers that stand in a text."""
    plain = unicodedata.normalize("NFKC", text).upper()
    for found in _MOBILE.finditer(plain):
        yield IdentityKey(KeyKind.MOBILE, "+86" + "".join(found.groups()))
    for found in _ID_NUMBER.finditer(plain):
        yield IdentityKey(KeyKind.ID_NUMBER, found.group())


def shows_somebody(name: str, value: Any) -> bool:  # noqa: ANN401 -- a field's value
    """Whether a mobile or a resident ID number stands in a field that is no number of a document."""
    if name not in _TEXTS:
        return False
    return any(
        key.kind is KeyKind.MOBILE or not is_credit_code(key.value)
        for text in texts_of(value)
        for key in mentioned(text)
    )


def persons_name(doc: Mapping[str, Any]) -> str | None:
    """The party's name if the party is a person, for comparing; None if it is a company or nobody."""
    stated = doc.get("party_name")
    if not isinstance(stated, str) or is_credit_code(str(doc.get("party_credit_code", ""))):
        return None
    name = company_name(stated)
    return None if name is not None and name.is_full else telling_name(stated) or stated


def happened_at(doc: Mapping[str, Any]) -> datetime | None:
    """When what a document speaks of happened; a day is its beginning in China. None if it does not say."""
    for name in _WHEN:
        text = doc.get(name)
        if isinstance(text, str):
            at = datetime.fromisoformat(text)
            return at if at.tzinfo is not None else at.replace(tzinfo=_CHINA)
    return None


def redacted(doc: Mapping[str, Any], about: Redaction, *, is_named: bool) -> dict[str, Any]:
    """The document without what is the person's own.

    Args:
        doc: A canonical business document, or one revision of it.
        about: Whose.
        is_named: The document names them by a key, or is known to be about them: all its free text goes. Else
            only what shows one of their values or names.
    """
    left = {name: value for name, value in doc.items() if not (is_named and name in _OWN)}
    party = persons_name(doc)
    if party is not None and (is_named or party in about.names):
        left["party_name"] = about.stand_in
        left.pop("party_tax_number", None)
    for name in sorted(left.keys() & _TEXTS):
        if not _shows(name, left[name], about):
            continue
        if name == "party_code":
            left[name] = about.stand_in  # what tied their documents together still does
        else:
            del left[name]
    if "title" in left and is_named and party is not None:
        del left["title"]  # a title is made of the customer's name
    return left


def _shows(name: str, value: Any, about: Redaction) -> bool:  # noqa: ANN401 -- a field's value
    for text in texts_of(value):
        if about.is_theirs(text):
            return True
        if name in PRIVATE_FIELDS - _STAFF and _shows_name(text, about):
            return True
    return False


def _shows_name(text: str, about: Redaction) -> bool:
    plain = "".join(unicodedata.normalize("NFKC", text).casefold().split())
    return any("".join(name.split()) in plain for name in about.names)
