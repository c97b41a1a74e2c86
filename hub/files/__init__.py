"""Spreadsheets and text files: read, matched to the dictionary, checked, and reported on. No database."""
