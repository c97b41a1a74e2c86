"""A source without code: JSON records whose shape the settings tell. See README.md in this folder."""

from __future__ import annotations

from hub.connectors.declarative.connector import CONNECTOR

__all__ = ["CONNECTOR"]
