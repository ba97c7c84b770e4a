"""The reference holds every command, option, field and step, and is what the program says today."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.generate.__main__ import REFERENCE, reference
from docs.generate.commands import walk
from docs.generate.documents import fields
from docs.generate.steps import kinds
from tests.support.documents import WHOLE, write

from lastgood.documents.kinds import FILES
from lastgood.execution.dispatch import HANDLERS
from lastgood.wiring.documents import document_schemas, load_system


def text(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_the_reference_is_up_to_date() -> None:
    """`./dev docs` would change nothing."""
    made = reference()
    assert {file.name for file in REFERENCE.iterdir()} == set(made)
    stale = [name for name, expected in made.items() if text(name) != expected]
    assert not stale, f"stale: {', '.join(stale)}; run ./dev docs"


def test_every_command_and_option_is_in_the_reference() -> None:
    """With its own section; each parameter by the name that is typed."""
    page = text("commands.md")
    for name, command in walk():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            typed = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.human_readable_name
            assert f"`{typed}`" in section, f"{name}: {typed}"


def test_every_option_says_what_it_does() -> None:
    """A row without words helps nobody."""
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in walk()
        for option in command.params
        if option.opts[0].startswith("-") and not getattr(option, "help", None)
    ]
    assert not silent


@pytest.mark.parametrize("kind", FILES)
def test_every_field_is_in_the_reference_with_words(kind: str) -> None:
    """At its own path, described."""
    schema = document_schemas()[kind]
    assert isinstance(schema, dict)
    section = text("documents.md").split(f"\n## {FILES[kind]}\n")[1].split("\n## ")[0]
    for path, variants, _, _ in fields(schema, schema, "", ()):
        assert f"| `{path}` |" in section
        assert all(variant.get("description") for variant in variants), f"{kind}: {path} has no description"


def test_the_examples_load(tmp_path: Path) -> None:
    """The documents of the reference are valid together, with the options of the real adapters."""
    system = load_system(write(tmp_path / "lastgood", WHOLE))
    assert system.name == "shop"
    for file, example in WHOLE.items():
        assert example.rstrip() in text("documents.md"), file


def test_every_kind_of_step_is_in_the_reference() -> None:
    """Whatever the software executes has words, an undo and a proof."""
    page = text("steps.md")
    for kind, step in kinds().items():
        assert f"\n## {kind}\n" in page
        assert step.does
        assert step.undone_by, kind
        assert step.verified_by, kind
    assert set(kinds()) == set(HANDLERS)
