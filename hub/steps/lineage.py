"""What the shipped contract and mappings say about columns; reads files only, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.settings import HubSettings


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical field: its JSON type, Chinese label, and what personal data it is (`none`)."""

    name: str
    type: str
    label_zh: str
    pii: str


def canonical_columns(settings: HubSettings) -> list[Column]:
    """The fields of the newest canonical lead contract, in its order."""
    return []


def source_lineage(settings: HubSettings) -> dict[str, Mapping[str, tuple[str, ...]]]:
    """Source key → canonical field → the source's fields that it is made from."""
    return {}
