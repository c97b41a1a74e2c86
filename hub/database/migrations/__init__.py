"""Alembic revisions: self-contained SQL, never edited after release; see `hub.database.migrate`."""
