"""The labelled drift suite: what must be found, what must stay silent, over every raw contract."""
