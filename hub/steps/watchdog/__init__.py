"""The watchdog: what the hub runs on, looked at every ten seconds."""
