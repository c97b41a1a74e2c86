"""PostgreSQL: the embedded server, the engine and its error classes, migrations."""
