"""Spreadsheets and other files as a source of their own. See README.md in this folder."""

from __future__ import annotations

from hub.connectors.file.connector import CONNECTOR

__all__ = ["CONNECTOR"]
