"""A project becomes a protected system: `init`, `check`, `deploy`, `backup`."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import jsonschema
import pytest
from tests.support.project import lastgood, stopped, write
from tests.support.small_disk import small_disk
from tests.support.small_services import free_port

from lastgood.documents.kinds import FILES
from lastgood.documents.reading import read
from lastgood.wiring.documents import document_schemas, load_system

END = ["Rollback infrastructure initialized", "Disaster recovery infrastructure initialized"]

NOTES = '''\
"""Notes: PUT /notes/NAME keeps a file, GET /notes/NAME gives it back; the index stands in SQLite."""
import argparse, http.server, os, pathlib, sqlite3

FILES = pathlib.Path("uploads")
DATABASE = os.environ["DATABASE_URL"].removeprefix("sqlite:///")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(200, b"ok")
        found = FILES / self.path.rpartition("/")[2]
        self.answer(200, found.read_bytes()) if found.is_file() else self.answer(404, b"")

    def do_PUT(self):
        name = self.path.rpartition("/")[2]
        (FILES / name).write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        with sqlite3.connect(DATABASE) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY)")
            connection.execute("INSERT OR IGNORE INTO notes VALUES (?)", (name,))
        self.answer(201, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


options = argparse.ArgumentParser()
options.add_argument("--port", type=int, default=8000)
http.server.ThreadingHTTPServer(("127.0.0.1", options.parse_args().port), Handler).serve_forever()
'''

PROJECTS = {
    "procfile": {"Procfile": "release: x\nweb: gunicorn shop.wsgi --bind 0.0.0.0:$PORT\n", ".env": "A=1\n"},
    "shell": {"Procfile": "web: cd src && exec node server.js --port ${PORT:-3000}\n"},
    "compose": {
        "compose.yml": "services:\n  web:\n    build: .\n    command: python app.py\n    ports: ['8088:80']\n"
        "    environment: {DATABASE_URL: 'postgresql+psycopg://u:Hidden-Pass1@db:5432/shop'}\n"
        "  db: {image: 'postgres:16'}\n  cache: {image: redis}\n",
    },
    "django": {
        "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
        "from django.core.management import execute_from_command_line\n",
        "requirements.txt": "django\ngunicorn\n",
    },
    "flask": {
        "app.py": "from flask import Flask\napp = Flask(__name__)\n@app.get('/health')\n",
        "alembic.ini": "",
    },
    "fastapi": {"main.py": "from fastapi import FastAPI\napi: FastAPI = FastAPI()\n"},
    "node": {"package.json": '{"scripts": {"start": "node index.js"}}', "index.js": "app.listen(4321)"},
    "strange names": {"Procfile": "web: sh -c 'echo \"a: b # c\"; exec x'\n", "2024 Größe/x.txt": ""},
    "no service": {"README": "nothing"},
}


@pytest.mark.parametrize("kind", PROJECTS)
def test_what_is_written_loads_and_keeps_to_the_json_schemas(tmp_path: Path, kind: str) -> None:
    project = write(tmp_path / "project", PROJECTS[kind])
    done = lastgood(project, "init")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == END
    schemas = document_schemas()
    for document, file in FILES.items():
        data = read(project / "lastgood" / file, file).data
        jsonschema.Draft202012Validator(schemas[document]).validate(data)
    system = load_system(project / "lastgood")
    assert len(system.services) == (0 if kind == "no service" else 1)
    assert [procedure.name for procedure in system.procedures][-1] == "prove"
    for service in system.services:
        assert [activity.services for activity in system.continuity.activities] == [(service.name,)]


def test_no_secret_lands_in_a_document_or_in_the_output(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project",
        {
            **PROJECTS["compose"],
            ".env": "REDIS_URL=redis://:Hidden-Pass2@cache/0\nAPI_KEY='Hidden-Pass3'\nPORT=8089\n",
        },
    )
    done = lastgood(
        project, "init", environment={"OTHER_URL": "mysql://root:Hidden-Pass4@h/x?p=Hidden-Pass5"}
    )
    written = "".join(path.read_text() for path in (project / "lastgood").glob("*.yml"))
    assert "Hidden" not in written + done.stdout + done.stderr
    for kind in ("postgres", "redis", "mariadb"):
        assert f"stores of kind {kind} are not supported" in " ".join(done.stdout.split()), kind
        assert kind in (project / "lastgood" / "system.yml").read_text(), kind
    (service,) = load_system(project / "lastgood").services
    assert service.launch.secrets["API_KEY"].endswith("/.env#API_KEY")


def test_a_project_of_an_http_server_a_database_and_uploads_is_deployed_and_backed_up(tmp_path: Path) -> None:
    """Without restic on the PATH: rclone keeps the vault."""
    port = free_port()
    project = write(
        tmp_path / "notes",
        {"server.py": NOTES.replace("8000", str(port)), "uploads/first.txt": "first", "requirements.txt": ""},
    )
    sqlite3.connect(project / "notes.db").execute(
        "CREATE TABLE notes (name TEXT PRIMARY KEY)"
    ).connection.close()
    (project / ".env").write_text("DATABASE_URL=sqlite:///notes.db\n")
    without_restic = {"PATH": _path_without("restic", tmp_path)}
    with stopped(project / "lastgood"):
        begun = lastgood(project, "init", environment=without_restic)
        assert begun.returncode == 0, begun.stderr
        system = load_system(project / "lastgood")
        assert [(store.name, store.part.kind) for store in system.stores] == [
            ("notes", "sqlite"),
            ("uploads", "files"),
        ]
        assert system.vaults[0].part.kind == "rclone"
        detection = project / "lastgood" / "rollback-detection.yml"
        detection.write_text(detection.read_text().replace("bake: 5m", "bake: 1s"))
        checked = lastgood(project, "check", environment=without_restic)
        assert checked.returncode == 0, checked.stdout
        deployed = lastgood(project, "deploy", environment=without_restic)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        url = f"http://127.0.0.1:{port}/notes/"
        with urllib.request.urlopen(url + "first.txt", timeout=5) as answer:
            assert answer.read() == b"first"
        put = urllib.request.Request(url + "second.txt", b"second", method="PUT")
        assert urllib.request.urlopen(put, timeout=5).status == 201
        assert (project / "uploads" / "second.txt").read_text() == "second", "releases share the live data"
        saved = lastgood(project, "backup", environment=without_restic)
        assert saved.returncode == 0, saved.stdout
        released = project / "lastgood" / ".state" / "releases"
        carried = {path.name for path in released.rglob("*") if path.is_file()}
        assert carried >= {"server.py"}
        assert not carried & {"notes.db", "first.txt", "local.key", ".env", "system.yml"}


def test_what_is_seen_and_not_made_a_part_of_the_system_is_said(tmp_path: Path) -> None:
    project = write(tmp_path / "project", {"Procfile": "web: ./serve\nworker: ./work\nrelease: ./migrate\n"})
    for name in ("shop.db", "shop.db.bak", ".coverage"):
        sqlite3.connect(project / name).execute("CREATE TABLE t (a)").connection.close()
    hints = json.loads(lastgood(project, "init", "--json").stdout)["hints"]
    assert [store.name for store in load_system(project / "lastgood").stores] == ["shop"]
    assert len(hints) == 3
    for name, hint in zip(("shop.db.bak", "`worker`", "`release`"), hints, strict=True):
        assert name in hint


def test_a_full_disk_leaves_no_document(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        project = write(disk / "project", PROJECTS["flask"])
        with (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                try:
                    filler.write(b"0" * 4096)
                except OSError:
                    break
        before = {str(path) for path in project.rglob("*")}
        done = lastgood(project, "init", "--vault", str(tmp_path / "vault"))
        assert done.returncode == 4
        assert "None of them was written." in done.stderr
        assert {str(path) for path in project.rglob("*")} == before


@pytest.mark.parametrize("seconds", [0.3, 0.6, 0.8, 1.0, 1.3])
def test_killed_at_any_instant_it_leaves_all_documents_or_none_and_goes_on_when_run_again(
    tmp_path: Path, seconds: float
) -> None:
    project = write(tmp_path / "project", PROJECTS["flask"])
    process = subprocess.Popen(
        [sys.executable, "-m", "lastgood", "init"], cwd=project, stdout=subprocess.DEVNULL
    )
    time.sleep(seconds)
    process.kill()
    process.wait(timeout=10)
    documents = project / "lastgood"
    assert len(list(documents.glob("*.yml"))) in (0, len(FILES))
    again = lastgood(project, "init")
    assert again.stdout.splitlines()[-2:] == END, again.stderr
    assert sorted(path.name for path in project.iterdir()) == ["alembic.ini", "app.py", "lastgood"]


def test_what_is_there_is_never_changed_and_only_what_is_missing_is_written(tmp_path: Path) -> None:
    project = write(tmp_path / "project", PROJECTS["flask"])
    assert lastgood(project, "init").returncode == 0
    documents = project / "lastgood"
    for path in documents.glob("*.yml"):  # a person has renamed the service
        path.write_text(path.read_text().replace("project", "mine"))
    system = (documents / "system.yml").read_text()
    (documents / "business-continuity.yml").unlink()
    key = (documents / ".state" / "keys" / "local.key").read_text()
    again = lastgood(project, "init", "--json")
    answer = json.loads(again.stdout)
    assert again.returncode == 0, again.stderr
    assert answer["written"] == ["business-continuity.yml"]
    assert len(answer["kept"]) == 8
    assert answer["says"] == END
    assert (documents / "system.yml").read_text() == system
    assert (documents / ".state" / "keys" / "local.key").read_text() == key
    assert "services: [mine]" in (documents / "business-continuity.yml").read_text()
    assert lastgood(project, "init").returncode == 0, "nothing to write is no error"


def test_nothing_is_written_when_the_documents_there_are_wrong(tmp_path: Path) -> None:
    project = write(tmp_path / "project", {"lastgood/system.yml": "kind: system\nversion: 1\nnmae: x\n"})
    before = _tree(project)
    done = lastgood(project, "init")
    assert done.returncode == 2
    assert "system.yml:3:1" in done.stderr
    assert _tree(project) == before
    assert END[0] not in done.stdout


def test_without_its_vault_the_system_is_not_initialized_and_says_what_is_missing(tmp_path: Path) -> None:
    project = write(tmp_path / "project", PROJECTS["flask"])
    done = lastgood(project, "init", "--vault", str(tmp_path / "unmounted" / "vault"))
    assert done.returncode == 4
    assert "unmounted is not there" in done.stderr
    assert "run `lastgood init` again" in done.stderr
    assert END[0] not in done.stdout
    (tmp_path / "unmounted").mkdir()
    assert lastgood(project, "init").stdout.splitlines()[-2:] == END


def test_a_password_in_the_location_of_a_vault_is_refused(tmp_path: Path) -> None:
    project = write(tmp_path / "project", PROJECTS["flask"])
    done = lastgood(project, "init", "--vault", "rest:https://me:Hidden-Pass1@example.com/x")
    assert done.returncode == 2
    assert "Hidden" not in done.stdout + done.stderr
    assert not (project / "lastgood").exists()


def test_a_folder_that_cannot_be_written_to_is_said_plainly(tmp_path: Path) -> None:
    project = write(tmp_path / "project", {**PROJECTS["flask"], "lastgood": "a file"})
    done = lastgood(project, "init")
    assert done.returncode == 4
    assert "None of them was written." in done.stderr
    assert _tree(project)[str(project / "lastgood")] == b"a file"
    assert len(list(project.iterdir())) == 3


def test_a_taken_port_is_passed_over_and_the_key_is_private(tmp_path: Path) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        project = write(tmp_path / "project", {"server.py": NOTES.replace("8000", str(taken))})
        done = lastgood(project, "init")
    assert f"{taken} is taken." in done.stdout
    (service,) = load_system(project / "lastgood").services
    assert service.traffic is not None
    assert service.traffic.port != taken
    key = project / "lastgood" / ".state" / "keys" / "local.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert (key.parents[1] / ".gitignore").read_text() == "*\n"
    assert key.read_text().strip() not in done.stdout


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _path_without(program: str, folder: Path) -> str:
    """A PATH with everything that is on this one but `program`."""
    links = folder / "bin"
    links.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for path in sorted(Path(place).glob("*")):
            if path.name != program:
                (links / path.name).unlink(missing_ok=True)
                (links / path.name).symlink_to(path)
    return str(links)
