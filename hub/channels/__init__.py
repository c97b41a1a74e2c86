"""Ways to people: group bots, an application's message, mail, webhooks. One class a kind, one way to send."""
