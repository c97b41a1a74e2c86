"""Call centres (400 电话, 云呼叫中心): pushed call records. What is confirmed and what is not stands in README.md."""

from __future__ import annotations

from hub.connectors.call400.connector import CONNECTOR, Call400Connector

__all__ = ["CONNECTOR", "Call400Connector"]
