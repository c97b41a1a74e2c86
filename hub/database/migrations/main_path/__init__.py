"""What revision 0001 makes, one file for each PostgreSQL schema. Released: never edited."""
