"""At a terminal: whatever loses data shows its plan and asks; progress is shown; Ctrl-C loses nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.shop_system import ShopSystem
from tests.support.terminal import Terminal, lines_in_the_end

pytestmark = pytest.mark.timeout(170)
INLINE = {"LASTGOOD_ENGINE": "inline"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopSystem]:
    with ShopSystem(tmp_path) as system:
        first = system.deploy("v1")
        assert first.returncode == 0, first.stdout + first.stderr
        yield system


def at_terminal(shop: ShopSystem, *arguments: str) -> Terminal:
    return Terminal(*arguments, "--system", str(shop.documents), environment=INLINE)


def test_a_restore_asks_and_does_what_was_answered(shop: ShopSystem) -> None:
    tea = shop.folder / "uploads" / "tea.txt"
    tea.write_text("another picture\n")

    for answer, code in (("n\n", 5), ("\n", 5), ("\x04", 130), ("\x03", 130)):
        with at_terminal(shop, "restore") as terminal:
            terminal.wait_for("Loses:")
            terminal.wait_for("Do it? [y/N]")
            time.sleep(0.5)  # a Ctrl-C between prompt and read would be noticed with the next key only
            terminal.type(answer)
            assert terminal.ended() == code, terminal.shown
        assert tea.read_text() == "another picture\n"
    assert "waiting" not in shop.run("runs", "list").stdout

    with at_terminal(shop, "restore") as terminal:
        terminal.wait_for("Do it? [y/N]")
        terminal.type("y\n")
        assert terminal.ended() == 0, terminal.shown
    assert tea.read_text() == "a picture of tea\n"


def test_yes_is_not_asked_and_without_a_terminal_it_waits(shop: ShopSystem) -> None:
    with at_terminal(shop, "restore", "--yes") as terminal:
        assert terminal.ended() == 0, terminal.shown
    assert "[y/N]" not in terminal.shown
    waiting = shop.run("restore")
    assert waiting.returncode == 5
    assert "lastgood approve" in waiting.stdout


def test_progress_is_one_line_that_is_written_over_and_keeps_what_ended(shop: ShopSystem) -> None:
    with at_terminal(shop, "backup") as terminal:
        assert terminal.ended() == 0, terminal.shown
    lines = lines_in_the_end(terminal.shown)
    assert any(": " in line and "steps, about" in line for line in lines), lines
    assert any(line.startswith("  ok ") for line in lines), lines
    assert not any(line.startswith("  ...") for line in lines), lines
    assert " left)" in terminal.shown


def test_ctrl_c_says_that_the_run_goes_on_and_it_does(shop: ShopSystem) -> None:
    with at_terminal(shop, "deploy", str(shop.release("v2"))) as terminal:
        terminal.wait_for("Watch v2")
        terminal.type("\x03")
        assert terminal.ended() == 130, terminal.shown
    assert "runs resume" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert "interrupted" in shop.run("runs", "list").stdout
    with shop.under_load():
        resumed = shop.run("runs", "resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "from step" in resumed.stdout
    assert "Start v2 beside what runs" not in resumed.stdout, "what was shown before is not shown again"
    assert shop.serving() == "v2"
