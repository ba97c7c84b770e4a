"""docs/demo.svg: parts of what `lastgood demo` printed, as they were. Run: python -m docs.generate.picture"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

FILE = Path(__file__).parents[1] / "demo.svg"
WIDTH = 124
_BEGINS, _ENDS = "A bad release", "A worse one"
_FIRST_STEP = "Give bad-errors 50 %"
_GAP = 2 * "\N{NO-BREAK SPACE}"
_SUMMARY = "What was measured"

# rich's own format fetches a font from elsewhere; a picture in a README must not
_FORMAT = """\
<svg viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>lastgood demo: a bad release undoes itself</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, monospace }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="100%" height="100%"/></clipPath>
{lines}</defs>
<rect fill="#1b1d1e" width="100%" height="100%" rx="8"/>
<g transform="translate(9, 9)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def main() -> int:
    done = subprocess.run(
        [sys.executable, "-m", "lastgood", "demo"],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
        env={**os.environ, "COLUMNS": str(WIDTH - 4)},
    )
    FILE.write_text(picture(done.stdout.splitlines()))
    print(f"wrote {FILE}")
    return 0


def picture(lines: list[str]) -> str:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for line in [*_act(lines), "", *_summary(lines), ""]:
        line = line if len(line) < WIDTH - 2 else f"{line[: WIDTH - 3]}…"
        shown = line.lstrip()
        indent = " " * (len(line) - len(shown))  # a part of its own: renderers drop leading spaces
        console.print(Text.assemble((indent, "dim"), (shown.replace("  ", _GAP), _style(line))))
    return console.export_svg(theme=MONOKAI, code_format=_FORMAT, unique_id="demo", font_aspect_ratio=0.6)


def _act(lines: list[str]) -> list[str]:
    """The act's head and command, then its steps from the first that moves traffic."""
    begin = next(index for index, line in enumerate(lines) if _BEGINS in line)
    end = next(index for index, line in enumerate(lines) if _ENDS in line)
    act = [line for line in lines[begin:end] if line.strip()]
    command = next(index for index, line in enumerate(act) if line.startswith("$"))
    first = next(index for index, line in enumerate(act) if _FIRST_STEP in line)
    return [*act[: command + 1], "  ...", *act[first:]]


def _summary(lines: list[str]) -> list[str]:
    begin = next(index for index, line in enumerate(lines) if line.startswith(_SUMMARY))
    return [
        line for line in lines[begin:] if line.strip() and not line.startswith(("five doc", "Everything"))
    ]


def _style(line: str) -> str:
    if "BAD" in line[:8] or line.strip().startswith("rolled back"):
        return "bold red"
    if line.startswith("$"):
        return "bold cyan"
    if line[:1].isdigit() or line.startswith(_SUMMARY):
        return "bold"
    return "green" if line.startswith(("orders answered", "failed by lastgood")) else "default"


if __name__ == "__main__":
    sys.exit(main())
