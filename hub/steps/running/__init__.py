"""Processes kept alive, and what they show of themselves: log lines, figures."""
