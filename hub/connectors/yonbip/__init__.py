"""用友 YonBIP: events that are pushed."""

from __future__ import annotations

from hub.connectors.yonbip.connector import CONNECTOR

__all__ = ["CONNECTOR"]
