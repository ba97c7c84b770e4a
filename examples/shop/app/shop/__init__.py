"""A small shop: orders in SQLite, uploads as files, nothing but the standard library."""
