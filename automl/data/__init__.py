"""Data: reading tables, finding out what columns hold, encoding, splits."""
