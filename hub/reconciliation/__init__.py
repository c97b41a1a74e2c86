"""Matching, breaks, bridge, metrics and the gate: what agrees between CRM, legal and finance. Pure."""
