"""Measurements of a whole hub: real processes, a real PostgreSQL with fsync on, floors in the same run."""
