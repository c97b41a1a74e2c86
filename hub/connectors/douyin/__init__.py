"""抖音 / 巨量引擎 (Douyin, Ocean Engine). What is confirmed and what is not stands in README.md."""

from __future__ import annotations

from hub.connectors.douyin.connector import DouyinConnector

CONNECTOR = DouyinConnector()

__all__ = ["CONNECTOR", "DouyinConnector"]
