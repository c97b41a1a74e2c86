"""Electronic invoices: callbacks of 高灯, 票据云 and 发票儿."""

from __future__ import annotations

from hub.connectors.einvoice.connector import CONNECTOR

__all__ = ["CONNECTOR"]
