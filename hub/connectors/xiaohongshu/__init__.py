"""小红书 (Xiaohongshu: 聚光). What is confirmed and what is not stands in README.md."""

from __future__ import annotations

from hub.connectors.xiaohongshu.connector import XiaohongshuConnector

CONNECTOR = XiaohongshuConnector()

__all__ = ["CONNECTOR", "XiaohongshuConnector"]
