"""The CRM store: leads and their revisions, contacts and their keys, touchpoints, interactions."""
