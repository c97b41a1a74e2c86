"""Alembic revisions: self-contained SQL, never edited after release, run by `hub.database.migrate`."""
