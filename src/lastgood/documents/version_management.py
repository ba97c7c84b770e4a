"""version-management.yml: what belongs to a release, and how many are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lastgood.documents.fields import Strict
from lastgood.domain.policy import Versions

_DEFAULT = Versions()


def _pattern(value: str) -> str:
    if not value or value.startswith("/") or ".." in value.split("/"):
        raise ValueError(
            "is no pattern inside the source; write a name or a relative path, like .git or *.pyc"
        )
    return value


class VersionManagementDocument(Strict):
    """What belongs to a release, and how many releases are kept ready to go back to."""

    kind: Literal["version/management"] = Field(description="Always `version/management`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    keep_releases: int = Field(
        _DEFAULT.keep_releases,
        ge=2,
        description="Good releases kept ready on this machine; pinned ones are always kept.",
    )
    exclude: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(
        _DEFAULT.exclude, description="Files and folders of the source that are no part of a release."
    )

    def to_domain(self) -> Versions:
        return Versions(keep_releases=self.keep_releases, exclude=self.exclude)
