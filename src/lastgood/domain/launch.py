"""Fixed places in how a release is run: what another machine, or a sandbox, cannot change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lastgood.domain.release import Launch

_PATH = re.compile(r"(?<![\w.$}/])(/[^\s'\":;,=<>|&]+)")
_FILE_URL = re.compile(r"\b(?:sqlite(?:\+\w+)?:///|file://)(/[^\s'\"?]+)")
_PROGRAMS = ("/usr/", "/bin/", "/sbin/", "/lib", "/opt/", "/nix/", "/etc/", "/proc/", "/sys/", "/dev/")


def fixed_paths(launch: Launch) -> Iterator[tuple[str, str]]:
    """(where it stands, path) of each absolute path in the command, the environment and the shared paths,
    but for those of programs and their configuration. What stands in ${...} is no fixed path."""
    for number, word in enumerate(launch.command):
        if number or not word.startswith("/"):
            yield from ((f"command word {number}", path) for path in paths_in(word))
    for name, value in launch.environment.items():
        yield from ((f"environment {name}", path) for path in paths_in(value))
    for inside, outside in launch.shared.items():
        if not outside.startswith("${"):
            yield f"shared {inside}", outside


def paths_in(text: str) -> list[str]:
    """Absolute paths in a text, also after a sqlite: or file: scheme."""
    plain = _FILE_URL.sub(r" \1 ", text)
    found = [path for path in _PATH.findall(plain) if not path.startswith("//")]
    return [path for path in found if not path.startswith(_PROGRAMS) and path != "/"]


_DATABASE = re.compile(r"\b(postgres(?:ql)?|mysql|mariadb|mongodb|redis|amqp|mssql|oracle)(?:\+\w+)*://")


def live_places(launch: Launch, read_secret: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """(where, what) of all that an instance in a sandbox would share with the live system: fixed paths, and
    databases on the network. Of a secret only the kind of database is told."""
    yield from fixed_paths(launch)
    for name, value in launch.environment.items():
        if found := _DATABASE.search(value):
            yield f"environment {name}", f"a {found.group(1)} database"
    for number, word in enumerate(launch.command):
        if found := _DATABASE.search(word):
            yield f"command word {number}", f"a {found.group(1)} database"
    for name, reference in launch.secrets.items():
        value = read_secret(reference)
        if found := _DATABASE.search(value):
            yield f"secret {name}", f"a {found.group(1)} database"
        if paths_in(value):
            yield f"secret {name}", "a path"
