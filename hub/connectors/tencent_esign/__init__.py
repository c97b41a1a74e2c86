"""腾讯电子签: encrypted callbacks of signing flows."""

from hub.connectors.tencent_esign.connector import TencentEsignConnector

CONNECTOR = TencentEsignConnector()

__all__ = ["CONNECTOR"]
