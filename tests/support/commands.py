"""Commands in texts: found, and parsed by click without being run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from lastgood.interfaces.cli.main import COMMANDS, lastgood

_INLINE = re.compile(r"`(lastgood [^`]+)`")
_FENCE = re.compile(r"^```sh\n(.*?)^```", re.S | re.M)


def commands_in(markdown: str) -> Iterator[tuple[str, ...]]:
    """Every `lastgood ...` that a reader could type: between backquotes, and in shell blocks."""
    for found in _INLINE.findall(markdown):
        yield tuple(shlex.split(found))
    for block in _FENCE.findall(markdown):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            if line.lstrip().startswith("lastgood"):
                yield tuple(_first(line))


def _first(line: str) -> Iterator[str]:
    """The words of the first command of a line of shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    for word in words:
        if set(word) <= set("();<>|&"):
            return
        yield word


def parse(command: tuple[str, ...]) -> None:
    """Raises click.UsageError when the program would refuse these words."""
    group: click.Command = lastgood
    context = click.Context(lastgood, info_name="lastgood")
    words = list(command[1:])
    while isinstance(group, click.Group):
        if not words:
            return
        found = group.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"There is no command {' '.join(command)!r}.")
        context = click.Context(found, info_name=words.pop(0), parent=context)
        group = found
    group.make_context(command[1], words, parent=context.parent)


def known(command: tuple[str, ...]) -> bool:
    return len(command) > 1 and command[1] in COMMANDS
