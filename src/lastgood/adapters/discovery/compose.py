"""What a compose file tells: only what helps, and names of what is not supported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lastgood.documents.reading import Unreadable, read

FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_ENGINES: Final = ("postgres", "mysql", "mariadb", "redis", "valkey", "mongo", "rabbitmq")


@dataclass(frozen=True, slots=True)
class Compose:
    """`command` and `port` are those of the one service that is built here."""

    file: str = ""
    command: object = None
    port: int | None = None
    variables: tuple[tuple[str, str], ...] = ()
    unsupported: tuple[str, ...] = ()


def compose_in(folder: Path) -> Compose:
    """What the compose file in the folder tells; nothing when there is none."""
    file = next((name for name in FILES if (folder / name).is_file()), "")
    if not file:
        return Compose()
    try:
        data = read(folder / file, file).data
    except Unreadable:
        return Compose(file, unsupported=(f"{file} was not understood, and not used.",))
    services = data.get("services") if isinstance(data, dict) else None
    known = (
        {name: one for name, one in (services or {}).items() if isinstance(one, dict)}
        if isinstance(services, dict)
        else {}
    )
    built = {name: one for name, one in known.items() if "build" in one}
    unsupported = [
        f"found {name} ({_engine(one)}) in {file}: stores of this kind are not supported by this version."
        for name, one in known.items()
        if name not in built and _engine(one)
    ]
    others = [name for name, one in known.items() if name not in built and not _engine(one)]
    if others:
        unsupported.append(f"found {', '.join(others)} in {file}: containers are not run by this version.")
    if len(built) > 1:
        unsupported.append(
            f"found {', '.join(built)} in {file}: only a service that starts without containers is written."
        )
    variables = tuple(pair for one in built.values() for pair in _variables(one))
    one = next(iter(built.values()), {}) if len(built) == 1 else {}
    return Compose(file, one.get("command"), _published(one), variables, tuple(unsupported))


def _engine(service: dict[str, object]) -> str:
    image = str(service.get("image", "")).rsplit("/", 1)[-1].partition(":")[0]
    return next((engine for engine in _ENGINES if image.startswith(engine)), "")


def _variables(service: dict[str, object]) -> list[tuple[str, str]]:
    given = service.get("environment")
    if isinstance(given, dict):
        return [(name, str(value)) for name, value in given.items()]
    if isinstance(given, list):
        return [(name, value) for name, _, value in (str(line).partition("=") for line in given)]
    return []


def _published(service: dict[str, object]) -> int | None:
    """The port on this machine of the first `ports` entry, like 8000 in `8000:80`."""
    ports = service.get("ports")
    first = ports[0] if isinstance(ports, list) and ports else None
    published = (
        first.get("published")
        if isinstance(first, dict)
        else str(first).rpartition(":")[0].rpartition(":")[2]
    )
    text = str(published)
    return int(text) if text.isdecimal() and 1024 <= int(text) <= 65535 else None
