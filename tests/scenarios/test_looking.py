"""Commands that only look import nothing heavy, whatever the machine's speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench._ordinary import ordinary_system

HEAVY = ("pydantic", "ruamel", "dbos", "sqlalchemy", "asyncio", "rich", "httpx2", "subprocess", "yaml")
PROGRAM = """
import json, sys
from lastgood.__main__ import main
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def imported_by(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    documents = ordinary_system(tmp_path_factory.mktemp("ordinary"), releases=3, runs=5, entries=60)
    imported_by("status", "--system", str(documents))  # keeps what it loaded
    return documents


@pytest.mark.parametrize("arguments", ["--help", "--version"])
def test_help_imports_nothing_heavy_and_no_domain(arguments: str) -> None:
    assert imported_by(arguments).isdisjoint({*HEAVY, "sqlite3"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("status", "--json"),
        ("runs", "list"),
        ("runs", "list", "--json"),
        ("points",),
        ("release", "list"),
    ],
)
def test_looking_imports_nothing_heavy(ordinary: Path, arguments: tuple[str, ...]) -> None:
    assert imported_by(*arguments, "--system", str(ordinary)).isdisjoint(HEAVY)
