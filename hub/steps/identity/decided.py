"""Who is one person by keys, times and people's decisions, for whole stores: the truth that verify compares with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from hub.crm import decisions
from hub.identity.edges import Node, clusters


def clusters_of(
    conn: psycopg.Connection[Any], nodes: Mapping[str, Sequence[Node]]
) -> dict[UUID, UUID]:
    """Lead → smallest lead of its cluster, merchant by merchant, as the decision log has it."""
    pins, stopped = decisions.all_pins(conn), decisions.all_stopped(conn)
    found: dict[UUID, UUID] = {}
    for merchant, members in nodes.items():
        for node in members:
            if node.lead in pins:
                node.keys = [*node.keys, *pins[node.lead]]
        own = frozenset(key for owner, key in stopped if owner == merchant)
        found |= clusters(members, own)
    return found
