"""Sealing, blind index and masks, with keys it is handed. Pure."""
