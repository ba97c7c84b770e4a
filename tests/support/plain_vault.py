"""lastgood with a folder of plain copies for each vault: `python -m tests.support.plain_vault COMMAND ...`.

For many deploys whose question is not the vault: restic takes seconds of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.support.folder_vault import FolderVault

from lastgood.__main__ import doors
from lastgood.execution.workplace import Progress, Workplace
from lastgood.interfaces.cli.main import main
from lastgood.wiring.documents import load_system
from lastgood.wiring.workplace import open_workplace

PROGRAM = "tests.support.plain_vault"  # found from the repository


def open_with_folders(folder: Path, engine: str, progress: Callable[[Progress], None]) -> Workplace:
    opened = open_workplace(load_system(folder), engine, progress)
    vaults = {name: FolderVault(folder.parent / "vault" / name) for name in opened.vaults}
    return replace(opened, vaults=vaults)


if __name__ == "__main__":
    main(replace(doors(), open=open_with_folders))
