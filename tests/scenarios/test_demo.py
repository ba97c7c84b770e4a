"""The demo's story ends as it says, and leaves nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(400)


def test_the_story_ends_well_and_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "lastgood", "demo", "--in", str(folder), "--json"],
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    measured = json.loads(done.stdout)
    assert measured["failed_by_lastgood"] == 0
    assert measured["answered"] > 1000
    errors, data = measured["bad"]
    assert (errors["label"], data["label"]) == ("bad-errors", "bad-data")
    assert errors["failed"] == measured["failed_by_releases"] > 0
    assert data["taken_back"] >= data["served"] > 0, "what it wrote went back with it"
    assert measured["rows_back"] > 0
    assert 0 < measured["rto_seconds"] < 120
    assert 0 < measured["rpo_seconds"] < 120
    assert len(list((folder / "documents").iterdir())) == 5
    processes = subprocess.run(["ps", "ax", "-o", "args"], capture_output=True, text=True, timeout=20).stdout
    assert str(folder) not in processes


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    done = subprocess.run(
        [sys.executable, "-m", "lastgood", "demo", "--in", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 5
    assert "not empty" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
