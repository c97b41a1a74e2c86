"""Who has to be told what about an alert, and when: pure. Channels send it, `hub.alerts` keeps it."""
