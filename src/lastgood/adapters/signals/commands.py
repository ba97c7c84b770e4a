"""A command as a question: exit code 0 is yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from lastgood.adapters.process import run
from lastgood.domain.errors import ActionFailed, ToolMissing

_LAST_LINE_CHARACTERS = 200


def ask_command(
    command: Sequence[str], limit: timedelta, environment: Mapping[str, str], folder: Path | None
) -> tuple[bool | None, str]:
    """(yes or no, what came). None instead when it could not be run at all, then with what hindered it.

    Raises TimeoutError when the limit passed.
    """
    try:
        completed = run(command, limit=limit, environment=environment, folder=folder)
    except ToolMissing:
        return None, f"the program `{command[0]}` is not on this machine"
    except ActionFailed as error:  # the one other thing that `run` raises: the limit
        raise TimeoutError(no_answer(limit)) from error
    except OSError as error:
        return None, f"`{command[0]}` could not be run: {error.strerror or error}"
    if completed.exit_code == 0:
        return True, "exit code 0"
    lines = (completed.text + completed.error_text).strip().splitlines()
    said = f": {lines[-1][:_LAST_LINE_CHARACTERS]}" if lines else ""
    return False, f"exit code {completed.exit_code}{said}"


def no_answer(limit: timedelta) -> str:
    return f"no answer within {limit.total_seconds():g} s"
