"""The key ring: opening, checking, rotating, retiring."""
