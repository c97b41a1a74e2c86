"""Alerts on their way to people: the notifier, its delivery, channels, acknowledging."""
