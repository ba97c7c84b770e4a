"""What a person types for each procedure: builders of commands, the only place where pages get them.

FILE, POINT, RELEASE, RUN, SOURCE in capitals stand for what the reader fills in.
"""

from __future__ import annotations

from collections.abc import Sequence

Command = tuple[str, ...]


def deploy(service: str = "", source: str = "SOURCE") -> Command:
    return ("lastgood", "deploy", source, *_service(service))


def rollback(service: str = "", data: str = "keep", to: str = "", plan: bool = False) -> Command:
    return (
        *("lastgood", "rollback", *_service(service)),
        *(("--to", to) if to else ()),
        *(("--data", data) if data != "keep" else ()),
        *_plan(plan),
    )


def backup(stores: Sequence[str] = (), why: str = "") -> Command:
    return ("lastgood", "backup", *stores, *(("--why", why) if why else ()))


def restore(stores: Sequence[str] = (), point: str = "", plan: bool = False, to: str = "") -> Command:
    return (
        *("lastgood", "restore", *stores),
        *(("--point", point) if point else ()),
        *(("--to", to) if to else ()),
        *_plan(plan),
    )


def recover(vault: str, key: str = "FILE") -> Command:
    """`vault` is where it is; its name only where the documents stand already."""
    return ("lastgood", "recover", "--from", vault, "--key", key)


def key(deed: str, vault: str = "", file: str = "FILE") -> Command:
    """`deed`: export a copy of a key, or check one."""
    return ("lastgood", "key", deed, file, *(("--vault", vault) if vault else ()))


def drill(kind: str) -> Command:
    return ("lastgood", "drill", kind)


def agreed(command: Command) -> Command:
    """The same, with the person's agreement to what it loses."""
    return (*command, "--yes")


def approve(run: str = "RUN") -> Command:
    return ("lastgood", "approve", run)


def up() -> Command:
    return ("lastgood", "up")


def status() -> Command:
    return ("lastgood", "status")


def check() -> Command:
    return ("lastgood", "check")


def points() -> Command:
    return ("lastgood", "points")


def releases() -> Command:
    return ("lastgood", "release", "list")


def lift(release: str = "RELEASE") -> Command:
    return ("lastgood", "release", "quarantine", "--lift", release)


def runs() -> Command:
    return ("lastgood", "runs", "list")


def show_run(run: str = "RUN") -> Command:
    return ("lastgood", "runs", "show", run)


def resume() -> Command:
    return ("lastgood", "runs", "resume")


def gates() -> Command:
    return ("lastgood", "gates")


def docs() -> Command:
    return ("lastgood", "docs")


def _service(service: str) -> Command:
    return ("--service", service) if service else ()


def _plan(plan: bool) -> Command:
    return ("--plan",) if plan else ()
