"""Drift: seeing it while leads load, findings, proposals, publishing."""
