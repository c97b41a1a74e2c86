"""The alert outbox: what a person has to know, and the command that mends it."""
