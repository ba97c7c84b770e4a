"""Fixed places in how a release is run are found, and programs are not taken for data."""

from __future__ import annotations

import pytest

from lastgood.domain.launch import fixed_paths, live_places, paths_in
from lastgood.domain.release import Launch


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/srv/shop/audit.log", ["/srv/shop/audit.log"]),
        ("--data=/srv/data", ["/srv/data"]),
        ("/srv/a:/srv/b", ["/srv/a", "/srv/b"]),
        ("sqlite:////srv/shop.db", ["/srv/shop.db"]),
        ("sqlite:///relative.db", []),
        ("file:///srv/x?mode=rw", ["/srv/x"]),
        ("${stores.orders.path}", []),
        ("${stores.uploads.path}/thumbs", []),
        ("/usr/bin/python3", []),
        ("/etc/ssl/certs", []),
        ("https://example.com/path", []),
        ("instance/app.db", []),
        ("", []),
    ],
)
def test_absolute_paths_in_a_text(text: str, found: list[str]) -> None:
    assert paths_in(text) == found


def test_where_each_place_stands_is_told() -> None:
    launch = Launch(
        ("/srv/venv/bin/python", "-m", "shop", "--log", "/srv/log"),
        {"AUDIT": "/srv/audit.log", "DATABASE": "${stores.orders.path}"},
        shared={"instance": "/srv/instance", "data.db": "${stores.orders.path}"},
    )
    assert list(fixed_paths(launch)) == [
        ("command word 4", "/srv/log"),
        ("environment AUDIT", "/srv/audit.log"),
        ("shared instance", "/srv/instance"),
    ]


def test_a_database_on_the_network_is_live_and_a_secret_is_not_told() -> None:
    launch = Launch(
        ("app",),
        {"CACHE": "redis://cache:6379/0", "API": "https://api.example.com"},
        {"DATABASE_URL": "env:DATABASE_URL", "TOKEN": "env:TOKEN"},
    )
    values = {"env:DATABASE_URL": "postgresql+psycopg://shop:hunter2@db/shop", "env:TOKEN": "abc"}
    assert list(live_places(launch, values.__getitem__)) == [
        ("environment CACHE", "a redis database"),
        ("secret DATABASE_URL", "a postgresql database"),
    ]
