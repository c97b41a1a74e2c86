"""Platform accounts: grants, pulls, counts, how each one is."""
