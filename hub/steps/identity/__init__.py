"""Contacts and companies: joining, deciding, looking up, matching."""
