"""A vault named on the command line: a path or a remote, whose kind is seen by looking at it."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from lastgood.adapters.registry import VAULTS
from lastgood.adapters.vaults.rclone.seal import SEAL_FILE
from lastgood.domain.errors import UsageError, VaultUnreachable
from lastgood.domain.system import Part

_RESTIC_URL = re.compile(r"(rest|sftp|s3|b2|azure|gs|swift|rclone):.")
_REMOTE = re.compile(r"[\w.+@][\w.+@ -]*:|:[a-z0-9]+[,:]")


def vault_part(location: str, kind: str, here: Path) -> Part:
    """Kind and options of the vault at `location`; a relative path counts from `here`. `kind` "" is found
    out. Raises UsageError for an impossible location or kind, VaultUnreachable where nothing is."""
    kind = kind or _kind_of(location, here)
    if kind not in VAULTS:
        raise UsageError(
            f"There is no kind of vault named {kind!r}.", "", f"Name one of: {', '.join(VAULTS)}."
        )
    model = VAULTS[kind].options
    try:
        options = model.model_validate({"kind": kind, "location": location}, context={"folder": here})
    except ValidationError as error:
        raise UsageError(
            f"{location!r} is no location of a vault of kind {kind}: {error.errors()[0]['msg']}.",
            "Nothing was changed.",
            "Write a folder, or a remote as the vault's document has it under `location:`.",
        ) from error
    return Part(kind, options.model_dump(mode="json"))


def _kind_of(location: str, here: Path) -> str:
    folder = here / location
    if folder.is_dir():
        if (folder / SEAL_FILE).is_file():
            return "rclone"
        if (folder / "config").is_file() or (folder / "snapshots").is_dir():
            return "restic"
        raise VaultUnreachable(
            f"{folder} is no vault: neither restic's `config` nor `{SEAL_FILE}` is in it.",
            "Nothing could be read, and nothing was changed.",
            "Name the folder that `location:` of the vault named, or mount the disk that holds it.",
        )
    if _RESTIC_URL.match(location):
        return "restic"
    if _REMOTE.match(location):
        return "rclone"
    raise VaultUnreachable(
        f"There is no vault at {folder}: the folder is not there.",
        "Nothing could be read, and nothing was changed.",
        "Mount the disk that holds it, or correct the path.",
    )
