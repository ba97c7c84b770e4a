"""Applies migrations/*.sql in order, each once. What a newer release has applied is left as it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "migrations"


def migrate(connection: sqlite3.Connection) -> None:
    """All that is missing in one transaction: a release that fails here has changed nothing."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY)")
        applied = {name for (name,) in connection.execute("SELECT name FROM schema_migrations")}
        for script in sorted(FOLDER.glob("*.sql")):
            if script.name not in applied:
                for statement in script.read_text().split(";"):  # so no text in them may hold one
                    connection.execute(statement)
                connection.execute("INSERT INTO schema_migrations VALUES (?)", (script.name,))
