"""Store `sqlite`: one SQLite database file, in WAL or rollback-journal mode."""

from lastgood.adapters.stores.sqlite.store import SqliteOptions, SqliteStore, relocate, values

__all__ = ["SqliteOptions", "SqliteStore", "relocate", "values"]
