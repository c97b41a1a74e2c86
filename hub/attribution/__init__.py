"""How a deal is shared among the touches that led to it. Pure."""
