"""What older releases left: their stores, as this release has to find them."""
