"""The demo: a day and a month of an invented company, played to real processes."""
