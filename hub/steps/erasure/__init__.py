"""Forgetting: erasure with its log and tombstones, retention of raw payloads."""
