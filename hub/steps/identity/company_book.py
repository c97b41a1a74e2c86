"""Companies to read: what their statements say, who is in them, and by what evidence. Masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from hub.crm import companies, contacts
from hub.crm import company_reading as reading
from hub.database.engine import driver, store_errors
from hub.identity.companies import company_name
from hub.identity.survivorship import Profile, Stated, profile
from hub.model.lead import CompanyKeyKind, IdentityKey
from hub.ops.audit import write_audit
from hub.steps.identity.contact_profile import Profiler
from hub.steps.lookup import NotFoundError, Viewer

MOST_LEADS = 1000
_NAMED_BY = 20
_FIELDS = ("company", "company_credit_code", "company_tax_number")
_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class CompanyReader:
    """What reading companies needs besides the store."""

    viewer: Viewer
    profiler: Profiler

    def profile(self, merchant: str, said: Sequence[reading.CompanyLead]) -> Profile:
        """The profile that leads of one company or contact make."""
        sources = self.profiler.settings.all_sources()
        stated = []
        for one in said:
            doc = _json.decode(self.viewer.keyring.unseal(one.sealed, one.id.bytes))
            source = sources.get(one.source_key)
            stated.append(
                Stated(
                    one.id, one.source_key, source.platform if source else "", one.at, doc,
                    frozenset(source.verifies) if source else frozenset(),
                )
            )  # fmt: skip
        trust = self.profiler.settings.trust_of(merchant)
        return profile(stated, self.profiler.rules, trust)


def list_companies(
    engine: sa.Engine, reader: CompanyReader, *, merchant: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """The newest companies: name as most trusted, how many leads and documents state it."""
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        found = []
        for row in reading.newest_companies(raw, merchant, limit):
            said = reading.company_leads(raw, row.id, None, [], _NAMED_BY)
            made = _with_parties(reader, reader.profile(row.merchant, said), row.id, raw)
            found.append(
                {
                    "company": row.id,
                    "merchant": row.merchant,
                    "name": reader.viewer.mask("company", made.get("company")),
                    "credit_code": made.get("company_credit_code"),
                    "leads": row.leads,
                    "documents": row.parties,
                }
            )
    return found


def show_company(engine: sa.Engine, reader: CompanyReader, company: UUID) -> dict[str, Any]:
    """A company: names and codes, its head or branches, its contacts with titles and evidence.

    At most `MOST_LEADS` leads are read, the newest; `leads` counts all. Revealing is audited first.

    Raises:
        NotFoundError: no such company.
    """
    with store_errors(), engine.begin() as conn:
        raw = driver(conn)
        root = companies.roots(raw, [company]).get(company)
        head = reading.company_head(raw, root) if root else None
        if root is None or head is None:
            raise NotFoundError(f"no company {company}; `hub company list` shows them")
        _audit(conn, reader.viewer, root, head.merchant)
        domains = _own_domains(raw, head.merchant, root)
        said = reading.company_leads(raw, root, head.merchant, domains, MOST_LEADS)
        stating = [one for one in said if one.evidence is not None]
        found = reader.profile(head.merchant, stating)
        values = _with_parties(reader, found, root, raw)
        merged = companies.became_root(raw, [root])
        relatives = _relatives(raw, reader, head.merchant, found, values)
        homes = contacts.roots(raw, sorted({one.contact_id for one in said}))
    mask = reader.viewer.mask
    settled = found.settled.get("company")
    names = [settled.won, *settled.conflicts] if settled else []
    return {
        "id": root,
        "merchant": head.merchant,
        "became_from": [one for one in merged if one != root],
        **{name.removeprefix("company_"): mask(name, values.get(name)) for name in _FIELDS},
        "also_written": [mask("company", one.value) for one in names[1:] if one],
        **relatives,
        "leads": head.leads,
        "documents": head.parties,
        "contacts": _contacts(reader, head.merchant, said, homes),
    }


def _audit(conn: sa.Connection, viewer: Viewer, company: UUID, merchant: str) -> None:
    if viewer.revealed_to is not None:
        write_audit(
            conn,
            who=viewer.revealed_to,
            action="reveal company",
            target=str(company),
            merchant=merchant,
        )


def _own_domains(raw: Any, merchant: str, root: UUID) -> list[bytes]:  # noqa: ANN401 -- a connection
    """The domains of work e-mails that are this company's and no other's."""
    domains = reading.domains_of(raw, root)
    tied = companies.companies_of_domains(raw, merchant, domains) if domains else {}
    return sorted(domain for domain, company in tied.items() if company == root)


def _with_parties(
    reader: CompanyReader,
    found: Profile,
    root: UUID,
    raw: Any,  # noqa: ANN401 -- a connection
) -> dict[str, Any]:
    """Field → value: what documents say comes before what leads say."""
    values = {name: found.value(name) for name in _FIELDS if found.value(name) is not None}
    for party, sealed in reading.party_statements(raw, root):
        values |= _json.decode(reader.viewer.keyring.unseal(sealed, party.bytes))
    return values


def _relatives(
    raw: Any,  # noqa: ANN401 -- a connection
    reader: CompanyReader,
    merchant: str,
    found: Profile,
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """The head of a branch, where the merchant knows it."""
    name = company_name(values.get("company") or "")
    if name is None or not name.head:
        return {}
    key = IdentityKey(CompanyKeyKind.NAME, name.head)
    blind = reader.viewer.keyring.blinds(merchant, key)
    return {"branch_of": companies.find_company(raw, merchant, blind)}


def _contacts(
    reader: CompanyReader,
    merchant: str,
    said: Sequence[reading.CompanyLead],
    homes: Mapping[UUID, UUID],
) -> list[dict[str, Any]]:
    """The company's contacts, those with most leads first: name, titles, evidence."""
    grouped: dict[UUID, list[reading.CompanyLead]] = {}
    for one in said:
        grouped.setdefault(homes[one.contact_id], []).append(one)
    found = []
    for contact, leads in grouped.items():
        made = reader.profile(merchant, leads)
        title = made.settled.get("job_title")
        titles = [title.won, *title.conflicts] if title else []
        evidence = Counter(one.evidence or companies.BY_DOMAIN for one in leads)
        found.append(
            {
                "contact": contact,
                "name": reader.viewer.mask("name", made.value("name")),
                "titles": [reader.viewer.mask("job_title", one.value) for one in titles if one],
                "evidence": sorted(evidence),
                "leads": len(leads),
            }
        )
    return sorted(found, key=lambda one: (-one["leads"], one["contact"]))
