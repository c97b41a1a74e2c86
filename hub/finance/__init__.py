"""Business documents and what is made of them: reconciliation, breaks, gate. Owns schema `finance`."""
