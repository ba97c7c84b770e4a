"""Looks at a project's folder and its machine."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from lastgood.adapters.discovery.compose import Compose, compose_in
from lastgood.adapters.discovery.data import stores_in
from lastgood.adapters.discovery.looking import files, text_of
from lastgood.adapters.discovery.start import start_in
from lastgood.adapters.discovery.units import units_naming
from lastgood.deciding.clues import (
    Dsn,
    command_of,
    dotenv,
    dsn,
    health_path,
    name_of,
    other_processes,
    port_in,
)
from lastgood.domain.errors import UsageError
from lastgood.domain.found import Found, FoundStart, FoundStore, FoundVault

MOST_SOURCES: Final = 400
_SOURCE_SUFFIXES: Final = (".py", ".js", ".mjs", ".ts", ".rb", ".go")
_MIGRATIONS: Final[Mapping[str, str]] = {
    "alembic.ini": "Alembic (alembic.ini)",
    "db/migrations": "SQL files (db/migrations, as dbmate keeps them)",
    "migrations/env.py": "Flask-Migrate (migrations/env.py)",
    "prisma/schema.prisma": "Prisma (prisma/schema.prisma)",
    "knexfile.js": "Knex (knexfile.js)",
}


def discover(folder: Path, system: Path | None = None, environment: Mapping[str, str] | None = None) -> Found:
    """What stands in the project's folder. `system` is where documents will be (default: lastgood in it);
    `environment` are the variables to look at (default: those of this process). Raises UsageError."""
    folder = folder.resolve()
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {folder}.", "Nothing was written.", "Name the folder of your project."
        )
    paths = list(files(folder, (system or folder / "lastgood").resolve()))
    sources = [path for path in paths if path.suffix in _SOURCE_SUFFIXES][:MOST_SOURCES]
    compose = compose_in(folder)
    in_dotenv = dotenv(text_of(folder / ".env"))
    around = os.environ if environment is None else environment
    dsns, unsupported = _dsns(in_dotenv, compose, around)
    stores, hints = stores_in(folder, paths, dsns)
    led = _leading_to(stores, dsns, folder)
    start = start_in(folder) or _composed(compose)
    port, port_because = _port(folder, compose, in_dotenv, sources)
    health, health_because = _health(folder, sources)
    if start and start.command[0].startswith(f"{folder}/"):
        hints.append(
            "Releases share the packages that are installed in the project: going back does not bring older "
            "ones back."
        )
    for name in other_processes(text_of(folder / "Procfile")):
        hints.append(
            f"The Procfile starts `{name}` too: nothing was written for it, since only `web` is sure."
        )
    if start is None:
        hints.append("Nothing here tells how the service starts: write it into `services` in system.yml.")
    return Found(
        folder=folder,
        name=name_of(folder.name, "system"),
        vault=_vault(folder),
        start=start,
        port=port,
        port_because=port_because,
        health=health,
        health_because=health_because,
        environment=led,
        stores=tuple(stores),
        has_dotenv=(folder / ".env").is_file(),
        secrets=_from_elsewhere(in_dotenv, around, led),
        migrations=tuple(_migrations(folder)),
        unsupported=(*unsupported, *compose.unsupported),
        hints=(*hints, *units_naming(folder)),
    )


def _from_elsewhere(
    in_dotenv: Mapping[str, str], around: Mapping[str, str], set_here: Iterable[str]
) -> Mapping[str, str]:
    """Variable -> `env` or `dotenv`: all of .env, and what names a data store in the environment, but for
    what the documents set themselves: where to listen, and where the data lives."""
    own = {"PORT", "HOST", *set_here}
    named = {name: "env" for name, value in sorted(around.items()) if dsn(name, value)}
    return {
        name: kind
        for name, kind in {**named, **dict.fromkeys(in_dotenv, "dotenv")}.items()
        if name not in own
    }


def _dsns(
    in_dotenv: Mapping[str, str], compose: Compose, environment: Mapping[str, str]
) -> tuple[list[Dsn], list[str]]:
    """The SQLite ones, and a sentence for each of another engine."""
    places = (
        (".env", in_dotenv.items()),
        (compose.file, compose.variables),
        ("the environment", sorted(environment.items())),
    )
    sqlite: dict[str, Dsn] = {}
    others: dict[str, str] = {}
    for place, variables in places:
        for name, value in variables:
            found = dsn(name, value)
            if found and found.engine == "sqlite":
                sqlite.setdefault(name, found)
            elif found:
                others.setdefault(
                    name,
                    f"found {found.shown} in {place}: stores of kind {found.engine} "
                    "are not supported by this version.",
                )
    return list(sqlite.values()), list(others.values())


def _leading_to(stores: Iterable[FoundStore], dsns: Iterable[Dsn], folder: Path) -> Mapping[str, str]:
    """Variables that name a found database, so that they name it wherever it lives."""
    names = {}
    for found in dsns:
        path = Path(found.path)
        if path.is_absolute() and path.is_relative_to(folder):
            path = path.relative_to(folder)
        for store in stores:
            # Flask keeps what a relative path names in its folder `instance`
            if store.path in (path, Path("instance") / path) and found.prefix.endswith(":///"):
                names[found.variable] = f"{found.prefix}${{stores.{store.name}.path}}"
    return names


def _composed(compose: Compose) -> FoundStart | None:
    command: tuple[str, ...] = ()
    if isinstance(compose.command, str):
        command = command_of(compose.command)
    elif isinstance(compose.command, list):
        command = command_of(shlex.join(str(word) for word in compose.command))
    because = f"The command in {compose.file}; it must listen on the port in PORT."
    return FoundStart(command, because, {"PORT": "${port}"}) if command else None


def _port(
    folder: Path, compose: Compose, in_dotenv: Mapping[str, str], sources: Iterable[Path]
) -> tuple[int, str]:
    if compose.port:
        return compose.port, f"The first port in {compose.file}."
    told = in_dotenv.get("PORT", "")
    if told.isdecimal() and 1024 <= int(told) <= 65535:
        return int(told), "PORT in .env."
    for path in sources:
        if port := port_in(text_of(path)):
            return port, f"{path.relative_to(folder)} names this port."
    return 8080, ""


def _health(folder: Path, sources: Iterable[Path]) -> tuple[str, str]:
    for path in sources:
        if found := health_path(text_of(path)):
            return found, f"{path.relative_to(folder)} answers it."
    return "", ""


def _migrations(folder: Path) -> Iterable[str]:
    for path, name in _MIGRATIONS.items():
        if (folder / path).exists():
            yield name
    if "django" in text_of(folder / "manage.py").lower():
        yield "Django (manage.py migrate)"
    if not (folder / "migrations/env.py").exists() and any(sorted(folder.glob("migrations/*.sql"))):
        yield "SQL files (migrations/)"


def _vault(folder: Path) -> FoundVault:
    """restic where it is; else rclone, which comes with lastgood. Beside the project, or at home."""
    name = f"{name_of(folder.name, 'system')}-vault"
    beside = folder.parent if os.access(folder.parent, os.W_OK) else Path.home()
    location, number = beside / name, 2
    while location.exists():  # another system's, perhaps, which another key opens
        location, number = beside / f"{name}-{number}", number + 1
    kind, because = vault_engine()
    return FoundVault(kind, str(location), because)


def vault_engine() -> tuple[str, str]:
    """The kind of vault that this machine can keep, and why it was chosen."""
    if shutil.which("restic"):
        return "restic", "restic is on this machine, and keeps it."
    return "rclone", "restic is not on this machine; rclone, which came with lastgood, keeps it."
