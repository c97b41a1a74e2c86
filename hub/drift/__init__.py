"""How contracts change: what payloads say about their shape, and whom a difference breaks.

Pure: contracts and payloads come in as plain JSON values, findings go out. Nothing personal leaves:
an inferred contract holds names, types and hints, a witness is made of invented values.
"""
