"""The proxy's configuration file and the commands that lead to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lastgood.adapters.traffic.haproxy.commands import Server, commands, read_servers, removals
from lastgood.adapters.traffic.haproxy.configuration import (
    Settings,
    Standing,
    read_standing,
    render,
    with_routes,
)
from lastgood.ports.traffic import Route

OLD = Route("shop-1", "127.0.0.1", 9001, 100)
NEW = Route("shop-2", "127.0.0.1", 9002, 0)


def settings(**changed: object) -> Settings:
    values: dict[str, object] = {
        "identity": "lastgood-0",
        "host": "127.0.0.1",
        "port": 8000,
        "hold_limit": timedelta(seconds=10),
        "connect_within": timedelta(milliseconds=50),
        "answer_within": timedelta(seconds=60),
        "tunnel_idle": timedelta(hours=1),
        "threads": 1,
        "max_connections": 100,
        "admin_socket": Path("/run/x/admin.sock"),
    }
    return Settings(**{**values, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize("standing", [Standing(), Standing((OLD, NEW)), Standing((OLD,), held=True)])
def test_the_file_gives_back_what_it_was_made_from(standing: Standing) -> None:
    assert read_standing(render(settings(), standing)) == standing


def test_a_file_that_is_not_ours_is_told_apart() -> None:
    with pytest.raises(ValueError, match="first line"):
        read_standing("global\n")


def test_the_retries_last_as_long_as_the_hold_limit() -> None:
    text = render(
        settings(hold_limit=timedelta(seconds=7), connect_within=timedelta(milliseconds=100)), Standing()
    )
    assert "    retries 70\n" in text
    assert "    timeout connect 100ms\n" in text


def test_an_ipv6_address_stands_in_brackets() -> None:
    text = render(settings(host="::1"), Standing((Route("a", "::1", 9001, 100),)))
    assert "bind [::1]:8000" in text
    assert "server a [::1]:9001 weight 100" in text


def test_settings_are_told_apart_by_their_digest_and_routes_are_not() -> None:
    assert settings().digest != settings(port=8001).digest
    assert f"description {settings().digest}" in render(settings(), Standing((OLD,)))


@pytest.mark.parametrize(
    ("routes", "complaint"),
    [
        ([OLD, NEW, Route("shop-3", "127.0.0.1", 9003, 0)], "3 routes"),
        ([OLD, OLD], "twice"),
        ([Route("lastgood-decoy", "127.0.0.1", 9003, 0)], "taken"),
        ([Route("a\nb", "127.0.0.1", 9003, 0)], "no name"),
        ([Route("a", "127.0.0.1", 9003, 101)], "not between"),
    ],
)
def test_impossible_routes_are_named(routes: list[Route], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        with_routes(Standing(), routes)


def applied(servers: tuple[Server, ...], text: tuple[str, ...]) -> tuple[Server, ...]:
    """What a proxy would have after these commands."""
    found = {server.name: server for server in servers}
    for command in text:
        words = command.split()
        name = words[2].partition("/")[2]
        if words[0] == "add":
            host, _, port = words[3].rpartition(":")
            found[name] = Server(name, host, int(port), int(words[5]), True)
            continue
        server = found[name]
        weight = int(words[4]) if words[3:4] == ["weight"] else server.weight
        host, port = (words[4], words[6]) if words[3:4] == ["addr"] else (server.host, server.port)
        maintenance = server.maintenance
        if words[0] == "enable" or words[3:4] == ["state"]:
            maintenance = words[-1] == "maint"
        found[name] = Server(name, host, int(port), weight, maintenance)
    return tuple(found.values())


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    "servers",
    [
        (),
        (Server("shop-1", "127.0.0.1", 9001, 100, False),),
        (Server("shop-1", "127.0.0.1", 9001, 0, True), Server("shop-2", "127.0.0.1", 9002, 100, False)),
        (Server("shop-2", "127.0.0.1", 9999, 0, False), Server("shop-0", "127.0.0.1", 9000, 50, False)),
    ],
)
def test_the_commands_lead_to_the_standing_and_then_nothing_is_left_to_do(
    servers: tuple[Server, ...], held: bool
) -> None:
    standing = Standing((OLD, NEW), held)
    after = applied(servers, commands(servers, standing))
    assert commands(after, standing) == ()
    assert {server.name: server.maintenance for server in after if server.name != "shop-0"} == {
        "shop-1": held,
        "shop-2": held,
    }


def test_the_new_instance_takes_requests_before_the_old_one_gives_them_up() -> None:
    servers = (Server("shop-1", "127.0.0.1", 9001, 100, False), Server("shop-2", "127.0.0.1", 9002, 0, False))
    standing = Standing((Route("shop-1", "127.0.0.1", 9001, 0), Route("shop-2", "127.0.0.1", 9002, 100)))
    assert commands(servers, standing) == (
        "set server instances/shop-2 weight 100",
        "set server instances/shop-1 weight 0",
    )


def test_only_servers_without_a_route_are_removed() -> None:
    servers = (Server("shop-0", "127.0.0.1", 9000, 0, True), Server("shop-1", "127.0.0.1", 9001, 100, False))
    assert removals(servers, Standing((OLD,))) == ("del server instances/shop-0",)


def test_the_servers_of_the_proxy_are_read_without_the_decoy() -> None:
    row = "3 instances {} {} 127.0.0.1 2 {} {} 10 0 1 0 0 0 0 0 0 - {} - 0 0 - - 0\n"
    text = (
        "1\n# be_id be_name ...\n"
        + row.format(1, "lastgood-decoy", 0, 1, 1)
        + row.format(2, "shop-1", 1, 7, 9001)
    )
    assert read_servers(text) == (Server("shop-1", "127.0.0.1", 9001, 7, True),)
