"""A crowd: N contacts of one merchant with their keys, leads, revisions and touchpoints, straight into the CRM.

Rows are those that the loader writes, by the loader's own COPY; only the way through inbox and mapping is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from bench.payloads import SOURCE
from hub.crm import contacts, leads, touchpoints
from hub.crm.touchpoints import TouchpointRow
from hub.database.engine import libpq_url
from hub.identity.resolve import KeySpan
from hub.mapping.fold import canonical_bytes, hash_of
from hub.model.ids import lead_id, uuid7
from hub.model.lead import IdentityKey, KeyKind
from hub.privacy.keyring import KeyRing
from hub.settings import DEFAULT_MERCHANT

STEP = 20_000
_FIRST_MOBILE = 19_900_000_000
_NEWEST = datetime(2026, 2, 16, tzinfo=UTC)
_YEARS_S = 2 * 365 * 86_400
_MAPPING = "douyin/clue_push/1-0-0"
_NAMES = ("张三", "李四", "王小明", "赵测试", "陈示例")
_CITIES = (("110000", "110100"), ("310000", "310100"), ("440000", "440300"), ("330000", "330100"))


def mobile_of(number: int) -> str:
    """The mobile of person `number`, in E.164; 10⁸ are possible."""
    return f"+86{_FIRST_MOBILE + number}"


def lead_of(number: int, merchant: str = DEFAULT_MERCHANT, source_key: str = SOURCE) -> UUID:
    """The id of the lead of person `number`."""
    return lead_id(merchant, source_key, "lead", f"crowd-{number}", 0)


def asked_at(number: int) -> datetime:
    """When person `number` left their lead: within the two years before the bench's leads."""
    return _NEWEST - timedelta(seconds=number * 7919 % _YEARS_S)


def fill(
    url: str,
    keyring: KeyRing,
    count: int,
    *,
    merchant: str = DEFAULT_MERCHANT,
    source_key: str = SOURCE,
    told: Callable[[int], None] = lambda _: None,
) -> None:
    """Add `count` contacts with one lead each; `told` hears how many there are. VACUUM ANALYZE is the caller's.

    Person n has `mobile_of(n)`, and a lead whose platform id is `crowd-n`.
    """
    with psycopg.connect(libpq_url(url)) as conn:
        for start in range(0, count, STEP):
            end = min(count, start + STEP)
            _add(conn, keyring, merchant, source_key, range(start, end))
            conn.commit()
            told(end)


def _add(
    conn: psycopg.Connection[Any],
    keyring: KeyRing,
    merchant: str,
    source_key: str,
    numbers: range,
) -> None:
    people = [_Person(keyring, merchant, source_key, number) for number in numbers]
    sealed = keyring.seal_many([(one.plain, one.lead.bytes) for one in people])
    contacts.add_contacts(conn, merchant, [one.contact for one in people], _NEWEST)
    contacts.write_spans(conn, merchant, [one.span() for one in people], [])
    leads.add_leads(conn, [one.lead_row(each) for one, each in zip(people, sealed, strict=True)])
    leads.add_revisions(conn, (one.revision_row() for one in people))
    touchpoints.add_touchpoints(conn, [one.touchpoint() for one in people])


class _Person:
    """Person `number` and the rows of their lead."""

    def __init__(self, keyring: KeyRing, merchant: str, source_key: str, number: int) -> None:
        self.merchant, self.source_key = merchant, source_key
        self.at = asked_at(number)
        self.record, self.contact = uuid7(), uuid7()
        self.lead = lead_of(number, merchant, source_key)
        mobile = mobile_of(number)
        self.key = keyring.blind(merchant, IdentityKey(KeyKind.MOBILE, mobile))
        self.province, self.city = _CITIES[number % len(_CITIES)]
        self.doc: dict[str, Any] = {
            "submitted_at": f"{self.at:%Y-%m-%dT%H:%M:%S}.000Z",
            "name": _NAMES[number % len(_NAMES)],
            "mobile_e164": mobile,
            "province_code": self.province,
            "city_code": self.city,
            "need": ["种植牙 想了解价格"],
            "utm_source": "douyin",
            "utm_campaign": f"douyin_live_{number % 40}",
            "campaign_id": str(1_790_000_000_000_000 + number % 40),
        }
        self.plain = canonical_bytes(self.doc)
        self.hash = hash_of(self.plain)

    def span(self) -> KeySpan:
        """The span of their mobile."""
        second = int(self.at.timestamp())
        return KeySpan(self.key, 0, second, second, self.contact, is_new=True, is_changed=True)

    def lead_row(self, sealed: bytes) -> tuple[Any, ...]:
        """As `hub.crm.leads` writes it."""
        doc = self.doc
        return (
            self.lead, self.merchant, self.source_key, "lead", self.contact, self.record,
            self.at, self.at, self.at, _MAPPING, None, None, None, None,
            [self.key], [self.record], self.hash, sealed,
            self.province, self.city, doc["campaign_id"], doc["utm_source"], None,
            doc["utm_campaign"], None, None, None,
        )  # fmt: skip

    def revision_row(self) -> tuple[Any, ...]:
        """As `hub.crm.leads` writes it."""
        return (
            self.record, 0, self.lead, self.merchant, self.source_key, "loaded", b"\0" * 8,
            "snapshot", "clue_push", _MAPPING, self.hash, [self.key], None,
        )  # fmt: skip

    def touchpoint(self) -> TouchpointRow:
        """Their one touchpoint."""
        doc = self.doc
        return TouchpointRow(
            self.record, 0, 0, self.merchant, self.lead, "lead", self.at, doc["campaign_id"],
            doc["utm_source"], None, doc["utm_campaign"], None,
        )  # fmt: skip
