"""Alembic's entry: runs the revisions in the transaction that `hub.database.migrate` opened."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="ops",
    transaction_per_migration=False,
)
context.run_migrations()
