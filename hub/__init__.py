"""Lead hub: takes in leads from many platforms, loses none, loads them into one CRM store."""
