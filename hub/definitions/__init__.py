"""The Dagster code location; the only room that imports dagster."""
