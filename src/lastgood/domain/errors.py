"""Errors a person reads, each in three sentences: what happened, what it means, what to do now.

LastgoodError              1  unexpected
├── UsageError             2  wrong usage
│   └── DocumentsInvalid   2  a document is wrong; carries one Finding a fault
├── Refused                5  nothing was changed; carries the safe alternative in `mend`
│   └── Busy               5  another run holds the lease
├── Undecided              6  insufficient data
└── ActionFailed           4  the action failed and needs a person
    ├── ToolMissing           a program that the task needs is not on this machine
    ├── RuntimeFailed         a service could not be started, found or stopped
    ├── TrafficFailed         the proxy did not take a change
    ├── StoreFailed           a store could not be copied, checked or switched
    ├── ArtifactChanged       a release is not what was recorded
    ├── DiskFull              no room; what was there before is untouched
    └── VaultFailed           a vault did not do what was asked
        ├── VaultUnreachable
        ├── VaultKeyWrong
        └── VaultDamaged      stored data is not what was put there
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class LastgoodError(Exception):
    """`happened`, `means` and `mend` are whole sentences; `mend` may be empty only where nothing helps."""

    exit_code: ClassVar[int] = 1

    def __init__(self, happened: str, means: str = "", mend: str = "") -> None:
        self.happened = happened
        self.means = means
        self.mend = mend
        super().__init__(" ".join(part for part in (happened, means, mend) if part))


class UsageError(LastgoodError):
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in a document: where it stands (line and column from 1), what is wrong, what is right."""

    file: str
    line: int
    column: int
    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.field}: {self.problem} {self.mend}".rstrip()


class DocumentsInvalid(UsageError):
    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        count = len(findings)
        super().__init__(
            "\n".join(str(finding) for finding in findings),
            f"{count} fault{'s' if count != 1 else ''} in the documents; nothing was changed.",
            "Mend the lines above and run `lastgood check`.",
        )


class Refused(LastgoodError):
    exit_code = 5


class Busy(Refused):
    pass


class Undecided(LastgoodError):
    exit_code = 6


class ActionFailed(LastgoodError):
    exit_code = 4


class ToolMissing(ActionFailed):
    pass


class RuntimeFailed(ActionFailed):
    pass


class TrafficFailed(ActionFailed):
    pass


class StoreFailed(ActionFailed):
    pass


class ArtifactChanged(ActionFailed):
    pass


class DiskFull(ActionFailed):
    pass


class VaultFailed(ActionFailed):
    pass


class VaultUnreachable(VaultFailed):
    pass


class VaultKeyWrong(VaultFailed):
    pass


class VaultDamaged(VaultFailed):
    pass
