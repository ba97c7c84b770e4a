"""Screen: acts, commands and their output, and one live line with what the customers see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from lastgood.adapters.load import Answer

_RECENT_ANSWERS = 150  # about a second of them

Answers = Callable[[], Sequence[Answer]]


class Screen:
    """On a terminal the live line stays at the bottom; elsewhere lines are printed, one after another."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._answers: Answers | None = None
        self._live = Live(
            console=console, get_renderable=self._customers, refresh_per_second=8, transient=True
        )
        self._acts = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def act(self, title: str, says: str) -> None:
        self._acts += 1
        self._console.print()
        self._console.print(Text(f"{self._acts}. {title}", style="bold"))
        self._console.print(Text(says))

    def command(self, text: str) -> None:
        self._console.print(Text(f"$ {text}", style="bold cyan"), soft_wrap=True)

    def output(self, line: str) -> None:
        self._console.print(Text(f"  {line}", style=_style(line)), soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        self._console.print(what)

    def watch(self, answers: Answers | None) -> None:
        """Whose answers the live line counts; None: nobody's."""
        self._answers = answers

    def _customers(self) -> RenderableType:
        if self._answers is None:
            return Text("")
        answers = self._answers()
        failed = sum(1 for answer in answers if answer.failed)
        recent = Counter(answer.release or "nobody" for answer in answers[-_RECENT_ANSWERS:])
        total = sum(recent.values()) or 1
        shares = "  ".join(f"{name} {100 * count // total} %" for name, count in recent.most_common(3))
        return Text.assemble(
            ("customers  ", "bold"),
            f"{len(answers):,} orders answered  ",
            (f"{failed:,} failed", "bold red" if failed else "green"),
            f"  answered by: {shares}",
        )


def _style(line: str) -> str:
    """The marks that the commands print before a step."""
    mark = line.strip().split(" ", 1)[0]
    if mark in ("BAD", "FAIL") or line.startswith("rolled back"):
        return "bold red"
    return "green" if line.startswith(("succeeded", "Rollback ", "Disaster recovery ")) else "dim"
