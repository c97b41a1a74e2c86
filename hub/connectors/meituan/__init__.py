"""Meituan and Dianping: message push, request signing of today's gateway and of the retired one."""

from hub.connectors.meituan.connector import CONNECTOR

__all__ = ["CONNECTOR"]
