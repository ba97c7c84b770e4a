"""`lastgood`: a group whose commands are imported only when they are called."""

from __future__ import annotations

import importlib
import sys

import click

from lastgood import __version__
from lastgood.domain.errors import LastgoodError
from lastgood.interfaces.cli.common import Doors

COMMANDS = {
    "approve": ("runs", "Agree to a run that waits, and carry it out."),
    "backup": ("data", "Make a recovery point now."),
    "cancel": ("runs", "Stop a run after the step it is in, and undo it."),
    "check": ("check", "Look whether everything a deploy or a recovery needs is there; change nothing."),
    "config": ("config", "Show the JSON Schemas of the documents."),
    "demo": ("demo", "Play a story with real parts: bad releases, a lost machine, in 90 seconds."),
    "deploy": ("deploy", "Bring a release out beside the old one, watched; a bad one undoes itself."),
    "docs": ("docs", "Write the five documents for people, or check that they are up to date."),
    "down": ("deploy", "Stop every service and its proxy, on purpose."),
    "drill": ("drill", "Rehearse a rollback or a recovery in a sandbox, and measure it."),
    "gates": ("gates", "Show the three quality gates with their evidence."),
    "init": ("init", "Look at a project, write its nine documents, prepare its vault."),
    "key": ("key", "Show, copy and check the key of a vault."),
    "points": ("data", "List the recovery points."),
    "recover": ("recover", "Bring everything back from a vault and its key, onto an empty machine."),
    "release": ("release", "List, show, pin and quarantine releases."),
    "replay": ("replay", "Show when lastgood would have acted on a rollout that is over."),
    "restore": ("data", "Put stores back to a recovery point."),
    "rollback": ("deploy", "Go back to the last good release."),
    "runs": ("runs", "List runs, show one, bring interrupted ones to their end."),
    "status": ("status", "Show what each service is on, and whether it can be undone."),
    "up": ("deploy", "Start what should be running."),
}


class LazyGroup(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"lastgood.interfaces.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table above: help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lastgood")
def lastgood() -> None:
    """Undo any release. Recover from any disaster. Prove it before you need it.

    Exit codes: 0 done and verified, 1 unexpected error, 2 wrong usage or invalid document, 3 the release
    failed and was rolled back, 4 the action failed and needs a person, 5 refused or waiting for an approval,
    6 insufficient data, 7 a gate is missed, 130 interrupted.
    """


def main(doors: Doors) -> None:
    try:
        # without standalone mode click gives the code of an Exit back instead of leaving with it
        code = lastgood.main(standalone_mode=False, obj=doors)
        sys.exit(code if isinstance(code, int) else 0)
    except click.Abort:
        click.echo("Interrupted. What was begun goes on with `lastgood runs resume`.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except LastgoodError as error:
        for sentence in (error.happened, error.means, error.mend):
            if sentence:
                click.echo(sentence, err=True)
        sys.exit(error.exit_code)
