"""Use cases, one file each; a step opens the transaction and passes it to the rooms."""
