"""Connectors: one folder per platform; they speak its wire format and know no database."""
