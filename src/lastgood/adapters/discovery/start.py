"""How a project's service starts: the most explicit answer first, then what its code shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lastgood.adapters.discovery.looking import text_of
from lastgood.deciding.clues import node_start, web_command
from lastgood.domain.found import FoundStart

_PORT: Final = {"PORT": "${port}"}
_ENTRIES: Final = ("app.py", "wsgi.py", "asgi.py", "main.py", "server.py", "run.py")


def start_in(folder: Path) -> FoundStart | None:
    """How the service in the folder starts; None when nothing tells."""
    return _procfile(folder) or _node(folder) or _django(folder) or _python(folder) or _package(folder)


def _procfile(folder: Path) -> FoundStart | None:
    command = web_command(text_of(folder / "Procfile"))
    return FoundStart(_own(folder, command), "The `web:` line of the Procfile.", _PORT) if command else None


def _node(folder: Path) -> FoundStart | None:
    command, because = node_start(text_of(folder / "package.json"))
    if not command and (folder / "package.json").is_file():
        entry = next((name for name in ("server.js", "index.js", "app.js") if (folder / name).is_file()), "")
        command, because = (("node", entry), f"{entry} beside package.json.") if entry else ((), "")
    return FoundStart(command, because, _PORT) if command else None


def _django(folder: Path) -> FoundStart | None:
    text = text_of(folder / "manage.py")
    if "django" not in text.lower():
        return None
    settings = re.search(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([\w.]+)\.settings", text)
    if settings and _needs(folder, "gunicorn"):
        command = _gunicorn(f"{settings.group(1)}.wsgi")
        return FoundStart(_own(folder, command), "manage.py is Django's, and gunicorn is required.")
    command = ("python3", "manage.py", "runserver", "--noreload", "${host}:${port}")
    return FoundStart(_own(folder, command), "manage.py is Django's; gunicorn would serve more at once.")


def _python(folder: Path) -> FoundStart | None:
    for name in _ENTRIES:
        text = text_of(folder / name)
        module = Path(name).stem
        if match := re.search(
            r"^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:FastAPI|Starlette|Litestar|Quart)\(", text, re.M
        ):
            command = ("python3", "-m", "uvicorn", f"{module}:{match.group(1)}", *_at("--host", "--port"))
            return FoundStart(_own(folder, command), f"{name} makes an ASGI app.")
        match = re.search(r"^(app|application)\b[^=\n]*=", text, re.M)
        flask = "flask" in text.lower()
        if match and (flask or name == "wsgi.py") and _needs(folder, "gunicorn"):
            command = _gunicorn(f"{module}:{match.group(1)}")
            return FoundStart(_own(folder, command), f"{name} makes a WSGI app, and gunicorn is required.")
        if flask and (match or "create_app" in text):
            command = ("python3", "-m", "flask", "--app", module, "run", *_at("--host", "--port"))
            return FoundStart(
                _own(folder, command), f"{name} makes a Flask app; gunicorn would serve more at once."
            )
        if "__main__" in text or "serve" in text or ".run(" in text:
            return _script(folder, ("python3", name), text, f"{name} looks like the program.")
    return None


def _package(folder: Path) -> FoundStart | None:
    """One package that runs with `python3 -m`."""
    packages = [path.parent.name for path in sorted(folder.glob("[a-z]*/__main__.py"))]
    if len(packages) != 1:
        return None
    text = text_of(folder / packages[0] / "__main__.py")
    return _script(folder, ("python3", "-m", packages[0]), text, f"{packages[0]}/ is a package that runs.")


def _script(folder: Path, command: tuple[str, ...], text: str, because: str) -> FoundStart:
    if '"--port"' in text or "'--port'" in text:
        return FoundStart(_own(folder, (*command, "--port", "${port}")), because)
    return FoundStart(_own(folder, command), f"{because} It must listen on the port in PORT.", _PORT)


def _at(host: str, port: str) -> Sequence[str]:
    return (host, "${host}", port, "${port}")


def _gunicorn(app: str) -> tuple[str, ...]:
    return ("gunicorn", app, "--bind", "${host}:${port}")


def _needs(folder: Path, package: str) -> bool:
    names = ("requirements.txt", "pyproject.toml", "Pipfile")
    return any(re.search(rf"\b{package}\b", text_of(folder / name)) for name in names)


def _own(folder: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    """With the program of the project's own environment where it has one: releases do not hold it."""
    for environment in (".venv", "venv"):
        program = folder / environment / "bin" / command[0]
        if "/" not in command[0] and program.exists():
            return (str(program), *command[1:])
    return command
