"""Tests of hub.attribution."""
