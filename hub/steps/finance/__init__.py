"""Money: documents, reconciliation, metrics, the gate, campaigns, attribution."""
