"""e签宝 V3: callbacks of signing flows, the list and the detail of flows as truth."""

from hub.connectors.esign.connector import EsignConnector

CONNECTOR = EsignConnector()

__all__ = ["CONNECTOR"]
