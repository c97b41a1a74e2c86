"""Mappings: compiled from documents into functions from payload to canonical lead. Pure."""
