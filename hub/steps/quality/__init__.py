"""Field quality and the dictionary."""
