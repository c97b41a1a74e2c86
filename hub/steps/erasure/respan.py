"""Spans of keys made anew from the leads that are left: after an erasure, who shared a key shares it with fewer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from hub.crm import clusters, contacts, erasure
from hub.identity import edges
from hub.identity.edges import Node
from hub.identity.resolve import KeySpan
from hub.identity.rules import RULES


def respan(conn: psycopg.Connection[Any], merchant: str, keys: Iterable[bytes]) -> int:
    """Write every span of `keys` as their leads have them now; how many went before. Clusters are left as they are."""
    wanted = sorted(set(keys))
    if not wanted:
        return 0
    gone = erasure.remove_keys(conn, merchant, wanted)
    leads = {lead.id: lead for lead in clusters.leads_with_keys(conn, merchant, wanted)}
    nodes = [Node(lead.id, lead.keys, lead.at) for lead in leads.values()]
    numbers = dict.fromkeys(wanted, -1)
    made = []
    for span in edges.spans(nodes):
        if span.key not in numbers:
            continue
        numbers[span.key] += 1
        strong = {key for one in span.leads for key in leads[one].keys if RULES.judges(key)}
        beside = frozenset(strong) if RULES.is_weak(span.key) else frozenset[bytes]()
        contact = leads[span.leads[0]].contact_id
        made.append(
            KeySpan(
                span.key, numbers[span.key], span.first, span.last, contact, beside,
                span.is_shared, is_new=True, is_changed=True,
            )
        )  # fmt: skip
    contacts.write_spans(conn, merchant, made, [])
    return gone - len(made)
