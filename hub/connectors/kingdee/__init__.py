"""金蝶云星空: bills pulled from the customer's own site."""

from __future__ import annotations

from hub.connectors.kingdee.connector import CONNECTOR

__all__ = ["CONNECTOR"]
