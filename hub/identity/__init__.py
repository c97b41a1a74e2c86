"""Identity: which leads are one person. Pure."""
