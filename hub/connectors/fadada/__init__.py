"""法大大 FASC 5.1: callbacks of signing tasks, the list and the detail of tasks as truth."""

from hub.connectors.fadada.connector import FadadaConnector

CONNECTOR = FadadaConnector()

__all__ = ["CONNECTOR"]
