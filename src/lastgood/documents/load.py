"""Loads the documents of a system: all of them, or every fault in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lastgood.documents.crosscheck import crosscheck
from lastgood.documents.faults import findings_of, nearest, shown
from lastgood.documents.fields import Strict
from lastgood.documents.kinds import FILES, models
from lastgood.documents.options import OptionModels
from lastgood.documents.reading import Source, Unreadable, read
from lastgood.documents.schema import schema_of
from lastgood.domain.errors import DocumentsInvalid, Finding
from lastgood.domain.system import System

_PART_OF_SYSTEM: Mapping[str, str] = {
    "rollback/detection": "detection",
    "automatic/rollback/triggers": "triggers",
    "version/management": "versions",
    "data/consistency": "consistency",
    "backup/automation": "backups",
    "data/replication": "replication",
    "recovery/procedures": "procedures",
    "business/continuity": "continuity",
}


@dataclass
class _Desk:
    """What was read so far."""

    folder: Path
    place: Path
    followed: dict[str, str]
    documents: dict[str, Strict] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def load(
    folder: Path,
    options: OptionModels,
    place: Path | None = None,
    followed: dict[str, str] | None = None,
) -> System:
    """The system whose documents stand in `folder`. Only system.yml is required. With `place` it is the
    system that they will be once they stand there. `followed` is filled with the paths that were followed,
    and where they led.

    Raises DocumentsInvalid with every finding in all of the files, in the order of files and lines.
    """
    desk = _Desk(folder.resolve(), (place or folder).resolve(), {} if followed is None else followed)
    _look_for_strangers(desk)
    for kind, model in models(options).items():
        _take(desk, kind, model)
    if "system" in desk.documents:
        for fault in crosscheck(desk.documents):
            source = desk.sources[fault.kind]
            finding = source.finding(fault.location, fault.problem, fault.mend, at_key=fault.at_key)
            desk.findings.append(finding)
    if desk.findings:
        raise DocumentsInvalid(_in_order(desk.findings))
    documents: Mapping[str, Any] = desk.documents
    parts = {part: documents[kind].to_domain() for kind, part in _PART_OF_SYSTEM.items() if kind in documents}
    system: System = documents["system"].to_domain(desk.place)
    return replace(system, **parts)


def _look_for_strangers(desk: _Desk) -> None:
    """A file whose name is nearly that of a document, or that says it is one, would be overlooked."""
    if not desk.folder.is_dir():
        return
    for path in sorted(desk.folder.iterdir()):
        if path.suffix not in (".yml", ".yaml") or path.name in FILES.values() or not path.is_file():
            continue
        close = get_close_matches(f"{path.stem}.yml", FILES.values(), n=1, cutoff=0.8)
        kind = _kind_line(path)
        if close or kind in FILES:
            name = FILES.get(kind) or close[0]
            problem = f"`{path.name}` is not the name of a document, so it would not be read."
            mend = f"Did you mean `{name}`? Rename or remove it."
            desk.findings.append(Finding(path.name, 1, 1, "document", problem, mend))


def _kind_line(path: Path) -> str:
    with path.open("rb") as opened:
        head = opened.read(4096).decode("utf-8", "replace")
    lines = [line for line in head.splitlines() if line.startswith("kind:")]
    return lines[0].removeprefix("kind:").split("#")[0].strip().strip("\"'") if lines else ""


def _take(desk: _Desk, kind: str, model: type[Strict]) -> None:
    """Read and validate one document, when it is there."""
    file = FILES[kind]
    path = desk.folder / file
    if not path.exists() and not path.is_symlink():
        if kind == "system":
            mend = f"Run `lastgood init`, or name the right folder (this is {desk.folder})."
            desk.findings.append(Finding(file, 1, 1, "document", "This document is not there.", mend))
        return
    try:
        source = read(path, file)
    except Unreadable as unreadable:
        desk.findings.extend(unreadable.findings)
        return
    desk.sources[kind] = source
    if (finding := _not_of_kind(source, kind)) is not None:
        desk.findings.append(finding)
        return
    try:
        desk.documents[kind] = model.model_validate(
            source.data, context={"folder": desk.place, "followed": desk.followed}
        )
    except ValidationError as error:
        desk.findings.extend(findings_of(error, source, schema_of(kind, model)))


def _not_of_kind(source: Source, kind: str) -> Finding | None:
    """A file that is no document of its kind gets this one finding, not a hundred that follow from it."""
    right = f"Begin it with `kind: {kind}` and `version: 1`."
    if source.data is None:
        return source.finding((), "This document is empty.", right)
    if not isinstance(source.data, dict):
        return source.finding((), f"{shown(source.data)} is no document.", right)
    if "kind" not in source.data:
        return source.finding(("kind",), "This field is missing.", right)
    told = source.data["kind"]
    if told != kind:
        elsewhere = FILES.get(told) if isinstance(told, str) else None
        mend = f"A document of this kind is named {elsewhere}." if elsewhere else nearest(str(told), [kind])
        return source.finding(
            ("kind",), f"{shown(told)} is not the kind of this file.", mend or f"Write `kind: {kind}`."
        )
    version = source.data.get("version")
    if "version" in source.data and (version != 1 or isinstance(version, bool)):
        mend = "Write `version: 1`, or install the lastgood that wrote it."
        return source.finding(("version",), f"{shown(version)} is not a version that is known here.", mend)
    return None


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    files = list(FILES.values())
    return tuple(
        sorted(
            dict.fromkeys(findings),
            key=lambda one: (
                files.index(one.file) if one.file in files else len(files),
                one.file,
                one.line,
                one.column,
            ),
        )
    )
