"""企业微信 (WeCom: 客户联系). What is confirmed and what is not stands in README.md."""

from __future__ import annotations

from hub.connectors.wecom.connector import WecomConnector

CONNECTOR = WecomConnector()

__all__ = ["CONNECTOR", "WecomConnector"]
