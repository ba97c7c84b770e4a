"""What the system document may say about a runtime of kind `process`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lastgood.documents.fields import Strict


class ProcessOptions(Strict):
    kind: Literal["process"] = Field(description="A process on this machine.")
