"""What files tell is read right, and passwords in them are never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.deciding.clues import (
    command_of,
    dotenv,
    dsn,
    health_path,
    name_of,
    node_start,
    port_in,
    web_command,
)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("gunicorn app:app -b 0.0.0.0:$PORT", ("gunicorn", "app:app", "-b", "0.0.0.0:${port}")),
        ("node x.js --port ${PORT:-3000}", ("node", "x.js", "--port", "${port}")),
        ("cd src && ./run", ("sh", "-c", "cd src && ./run")),
        ("run --level $LEVEL", ("sh", "-c", "run --level $LEVEL")),
        ("run ${LEVEL}", ("sh", "-c", "run $LEVEL")),
        ("run ${LEVEL:-2}", ()),  # would be read as a place of ours
        ("run 'open", ("sh", "-c", "run 'open")),
    ],
)
def test_a_line_for_a_shell_becomes_a_command(line: str, command: tuple[str, ...]) -> None:
    assert command_of(line) == command


def test_the_web_line_of_a_procfile() -> None:
    assert web_command("worker: a\nweb:   python x.py\n") == ("python", "x.py")
    assert web_command("worker: a\n") == ()


def test_the_variables_of_a_dotenv_file() -> None:
    text = "# c\nA=1\nexport B='two words'\nC=\"x # y\" \nD=v # note\nE=\nnot a line\n"
    assert dotenv(text) == {"A": "1", "B": "two words", "C": "x # y", "D": "v", "E": ""}


@pytest.mark.parametrize(
    ("value", "engine", "shown"),
    [
        ("postgres://u:pw@db:5432/shop?sslmode=x", "postgres", "postgres://db:5432/shop"),
        ("postgresql+psycopg://u:pw@db/shop", "postgres", "postgresql+psycopg://db/shop"),
        ("mysql://u:p%40w@h/x", "mariadb", "mysql://h/x"),
        ("redis://:pw@cache/0", "redis", "redis://cache/0"),
        ("postgres://u:p/w@db/x", "postgres", "postgres://..."),
        ("postgres://u:p#w@db/x", "postgres", "postgres://..."),
    ],
)
def test_a_dsn_is_shown_without_its_password(value: str, engine: str, shown: str) -> None:
    found = dsn("DATABASE_URL", value)
    assert found is not None
    assert (found.engine, found.shown) == (engine, f"DATABASE_URL={shown}")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20))
def test_no_password_is_ever_shown(password: str) -> None:
    password = f"Q9{password}Q9"
    for value in (f"postgres://u:{password}@db/x", f"redis://:{password}@cache", f"mysql://h/x?p={password}"):
        found = dsn("APP_DSN", value)
        assert found is None or password not in found.shown


@pytest.mark.parametrize(
    ("value", "path", "prefix"),
    [
        ("sqlite:///app.db", "app.db", "sqlite:///"),
        ("sqlite:////var/lib/app.db", "/var/lib/app.db", "sqlite:///"),
        ("sqlite3:data/x.db?mode=rwc", "data/x.db", "sqlite3:"),
    ],
)
def test_an_sqlite_dsn_leads_to_its_file(value: str, path: str, prefix: str) -> None:
    found = dsn("DATABASE_URL", value)
    assert found is not None
    assert (found.engine, found.path, found.prefix) == ("sqlite", path, prefix)


def test_what_is_no_dsn() -> None:
    assert dsn("DATABASE_URL", "sqlite:///:memory:") is None
    assert dsn("HOME_URL", "https://example.com") is None
    assert dsn("DATABASE", "postgres://db/x") is None


def test_sources_tell_their_port_and_health_path() -> None:
    assert port_in('p.add_argument("--port", type=int, default=5050)') == 5050
    assert port_in('os.environ.get("PORT", "8000")') == 8000
    assert port_in("app.listen(process.env.PORT || 3000)") == 3000
    assert port_in("port = 80") is None
    assert health_path("if path == '/healthz':") == "/healthz"
    assert health_path('path("health/", view)') == "/health/"
    assert health_path("'/healthy-food'") == ""


def test_a_node_project_starts_as_its_package_says() -> None:
    assert node_start('{"scripts": {"start": "node server.js"}}')[0] == ("node", "server.js")
    assert node_start('{"scripts": {"start": "next start"}}')[0] == ("npm", "start")
    assert node_start("no json") == ((), "")


@given(st.text())
def test_a_name_is_always_one(text: str) -> None:
    import re

    assert re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name_of(text, "system"))
