"""The registry: merchants, their platform accounts, live mapping versions, extension fields."""
