"""From what a mapping found to have happened to the rows that hub.crm keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from hub.crm.interactions import InteractionRow
from hub.mapping.fold import canonical_bytes
from hub.model.ids import lead_id
from hub.model.lead import MappedInteraction
from hub.privacy.keyring import KeyRing
from hub.steps.prepare import Work

_SCOPE = "interaction/"  # an interaction often has the platform id of its lead
_LEAD = "lead"
_UNNAMED = "interaction"


def interaction_rows(works: Iterable[Work], keyring: KeyRing) -> Iterator[InteractionRow]:
    """The interactions that records gave, sealed, each with the lead of its record or the one it names."""
    for work in works:
        if work.mapped is None:
            continue
        for made in work.mapped.interactions:
            yield _row(work, made, keyring)


def _row(work: Work, made: MappedInteraction, keyring: KeyRing) -> InteractionRow:
    entity = _SCOPE + made.key_entity
    own = lead_id(work.merchant, work.source_key, entity, made.external_id, made.ordinal)
    occurred = made.doc.get("occurred_at")
    return InteractionRow(
        id=own,
        merchant=work.merchant,
        source_key=work.source_key,
        entity=made.key_entity,
        record_id=work.record_id,
        lead_id=_lead_of(work, made),
        kind=made.doc.get("kind", _UNNAMED),
        occurred_at=datetime.fromisoformat(occurred) if occurred else None,
        sealed=keyring.seal(canonical_bytes(made.doc), own.bytes),
    )


def _lead_of(work: Work, made: MappedInteraction) -> UUID | None:
    leads = work.mapped.leads if work.mapped else ()
    if leads:
        first = leads[0]
        key = (first.key_entity, first.external_id, first.ordinal)
    elif made.lead_external_id is not None:
        key = (_LEAD, made.lead_external_id, 0)
    else:
        return None
    return lead_id(work.merchant, work.source_key, *key)
