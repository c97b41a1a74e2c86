"""The words of the hub as types: ids, deliveries, records, outcomes, leads. Pure."""
