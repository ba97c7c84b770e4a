"""Write docs/reference anew; files there that nothing generates are removed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from docs.generate.commands import commands_page
from docs.generate.documents import documents_page
from docs.generate.steps import steps_page

from lastgood.reports.data import BackupConfiguration, RecoveryProcedures

REFERENCE = Path(__file__).resolve().parent.parent / "reference"


def reference() -> dict[str, str]:
    """File name -> text."""
    return {
        "commands.md": commands_page(),
        "documents.md": documents_page(),
        "steps.md": steps_page(),
        "Recovery_Procedures.schema.json": _schema(RecoveryProcedures),
        "Backup_Configuration.schema.json": _schema(BackupConfiguration),
    }


def _schema(model: type[RecoveryProcedures] | type[BackupConfiguration]) -> str:
    made = model.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=2) + "\n"


def main() -> int:
    REFERENCE.mkdir(exist_ok=True)
    texts = reference()
    for file in sorted(REFERENCE.iterdir()):
        if file.name not in texts:
            file.unlink()
    for name, text in texts.items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
