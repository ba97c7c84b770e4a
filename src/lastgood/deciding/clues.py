"""What the text of files tells about a project: Procfile, .env, DSNs, ports, health paths. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

_PORT_VARIABLE: Final = re.compile(r"\$\{PORT(?::-?\d+)?\}|\$PORT\b")
_NEEDS_SHELL: Final = re.compile(r"[|&;<>`*?()]|\$(?!\{port\}|\{host\})")
_HEALTH_WORDS: Final = ("healthz", "health", "livez", "readyz", "up", "ping")
_ENGINES: Final = {
    "postgres": "postgres", "postgresql": "postgres", "mysql": "mariadb", "mariadb": "mariadb",
    "redis": "redis", "rediss": "redis", "valkey": "redis", "mongodb": "mongodb", "mongodb+srv": "mongodb",
    "amqp": "rabbitmq", "amqps": "rabbitmq", "mssql": "mssql", "oracle": "oracle",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dsn:
    """A variable that names a data store. `shown` holds neither password nor query.

    `path` is the file of an SQLite database as it is written, `prefix` what stands before it.
    """

    variable: str
    engine: str
    shown: str
    path: str = ""
    prefix: str = ""


def web_command(procfile: str) -> tuple[str, ...]:
    """The `web:` line of a Procfile as a command; empty when there is none."""
    for line in procfile.splitlines():
        if match := re.match(r"web\s*:\s*(\S.*)", line):
            return command_of(match.group(1).strip())
    return ()


def other_processes(procfile: str) -> tuple[str, ...]:
    """The names of a Procfile's lines besides `web`."""
    found = (re.match(r"([A-Za-z0-9_-]+)\s*:\s*\S", line) for line in procfile.splitlines())
    return tuple(match.group(1) for match in found if match and match.group(1) != "web")


def command_of(line: str) -> tuple[str, ...]:
    """A line for a shell as a command with ${port}; what only a shell understands is given to one.

    Empty when it cannot stand in a document: every other ${...} would be read as a place of ours.
    """
    text = _PORT_VARIABLE.sub("${port}", line)
    text = re.sub(r"\$\{([A-Za-z_]\w*)\}(?!\w)", lambda match: _unless_ours(match.group(1)), text)
    if re.search(r"\$\{(?!(?:port|host)\})", text):
        return ()
    if not _NEEDS_SHELL.search(text):
        try:
            return tuple(shlex.split(text))
        except ValueError:  # an open quote: the shell shall say so itself
            pass
    return ("sh", "-c", text)


def _unless_ours(name: str) -> str:
    return f"${{{name}}}" if name in ("port", "host") else f"${name}"


def dotenv(text: str) -> Mapping[str, str]:
    """The variables of a .env file."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", line)
        if match:
            value = match.group(2)
            quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
            found[match.group(1)] = value[1:-1] if quoted else re.sub(r"\s+#.*", "", value)
    return found


def dsn(variable: str, value: str) -> Dsn | None:
    """The store that a variable like DATABASE_URL or SHOP_DSN names; None when it names none we know of."""
    if not re.search(r"(_|^)(URL|URI|DSN)$", variable):
        return None
    scheme = value.partition(":")[0].lower()
    base = scheme.partition("+")[0] if scheme not in _ENGINES else scheme
    if base in ("sqlite", "sqlite3"):
        return _sqlite(variable, value)
    if base not in _ENGINES:
        return None
    return Dsn(variable, _ENGINES[base], f"{variable}={_shown(scheme, value)}")


def _sqlite(variable: str, value: str) -> Dsn | None:
    match = re.match(r"([a-z0-9+]+:(?://(?:/)?)?)([^?#]+)", value)
    if match is None or match.group(2).startswith(":memory:"):
        return None
    path = unquote(match.group(2))
    return Dsn(variable, "sqlite", f"{variable}={match.group(1)}{path}", path, match.group(1))


def _shown(scheme: str, value: str) -> str:
    """Scheme, host, port and database: never user information or query, where passwords stand."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f"{scheme}://..."
    # a password that holds / or # unquoted ends up in host or path: then nothing is shown
    if "@" in parts.path + parts.query + parts.fragment or parts.fragment:
        return f"{scheme}://..."
    return f"{scheme}://{host}{f':{port}' if port else ''}{parts.path}"


def node_start(package_json: str) -> tuple[tuple[str, ...], str]:
    """The command of a Node project and what told it; empty when nothing did."""
    try:
        package = json.loads(package_json)
    except ValueError:
        return (), ""
    if not isinstance(package, dict):
        return (), ""
    scripts = package.get("scripts")
    start = scripts.get("start") if isinstance(scripts, dict) else None
    if isinstance(start, str) and start.strip():
        command = command_of(start)
        return (
            command if command[:1] == ("node",) else ("npm", "start")
        ), "The start script of package.json."
    main = package.get("main")
    if isinstance(main, str) and main.endswith((".js", ".mjs", ".cjs")):
        return ("node", main), "`main` in package.json."
    return (), ""


def health_path(source: str) -> str:
    """A path in the source that looks made for health checks, the most telling first; empty without one."""
    for word in _HEALTH_WORDS:
        if match := re.search(rf"""["'](/{word}/?)["']""", source):
            return match.group(1)
        if match := re.search(rf"""\bpath\(\s*r?["']({word}/?)["']""", source):
            return f"/{match.group(1)}"
    return ""


def port_in(source: str) -> int | None:
    """A port that the source names as its own."""
    patterns = (
        r"""--port["'\s,=]+(?:[^\n]*?default\s*=\s*)?["']?(\d{4,5})\b""",
        r"""\bPORT["']?\s*(?:,|\|\||\?\?|\)\s*\|\||:-|=)\s*["']?(\d{4,5})\b""",
        r"""\bport\s*[=:]\s*(\d{4,5})\b""",
        r"""\.listen\(\s*(\d{4,5})\b""",
    )
    for pattern in patterns:
        if (match := re.search(pattern, source)) and 1024 <= int(match.group(1)) <= 65535:
            return int(match.group(1))
    return None


def name_of(text: str, otherwise: str) -> str:
    """A name for documents from any text: small letters, digits, _ and -, beginning with a letter."""
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    name = re.sub(r"^[^a-z]+", "", name)[:40].strip("-_")
    return name or otherwise
