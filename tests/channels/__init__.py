"""Channels against servers on this machine that speak the platforms' wire formats."""
