"""The HTTP door: hooks, forms, health, metrics, the operator API."""
