"""Web forms: how a post of hub.js or of a plain HTML form becomes one record."""

from hub.connectors.webform.connector import CONNECTOR

__all__ = ["CONNECTOR"]
