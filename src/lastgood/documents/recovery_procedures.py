"""recovery-procedures.yml: runbooks as steps that run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from lastgood.documents.fields import Command, Name, PositiveDuration, Strict
from lastgood.domain.procedure import Action, Procedure

ACTIONS: Final = ("backup", "restore", "rollback", "recover", "check", "command", "ask", "procedure")
_MODIFIERS: Final = {"point": "restore", "to": "rollback", "data": "rollback"}


class ActionEntry(Strict):
    """One step; exactly one of its fields says what is done."""

    backup: Name | None = Field(None, description="Back up: the name of a store.")
    restore: Name | None = Field(None, description="Restore: the name of a store.")
    rollback: Name | None = Field(None, description="Roll back: the name of a service.")
    recover: Name | None = Field(
        None, description="Rebuild the whole system: the name of the vault to take it from."
    )
    check: Name | None = Field(None, description="Prove that it serves: the name of a service.")
    command: Command | None = Field(None, min_length=1, description="Run a program; it must end with 0.")
    ask: str | None = Field(None, min_length=1, description="Ask a person, and go on when they agree.")
    procedure: Name | None = Field(None, description="Run another procedure here.")
    point: str = Field("latest", description="With restore: which recovery point.")
    to: str = Field("last good", description="With rollback: which release.")
    data: Literal["keep", "rewind"] = Field("keep", description="With rollback: what happens to the data.")
    title: str = Field("", description="What this step is called; by default what it does.")
    limit: PositiveDuration = Field(timedelta(minutes=10), description="It has failed when it takes longer.")

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        done = [kind for kind in ACTIONS if getattr(self, kind) is not None]
        if len(done) != 1:
            said = " and ".join(done) or "nothing to do"
            raise ValueError(f"holds {said}; write exactly one of {', '.join(ACTIONS)}")
        for modifier, kind in _MODIFIERS.items():
            if modifier in self.model_fields_set and kind not in done:
                raise ValueError(f"has {modifier} without {kind}; remove {modifier}")
        return self

    @property
    def does(self) -> str:
        """Which of ACTIONS it is."""
        return next(kind for kind in ACTIONS if getattr(self, kind) is not None)

    def to_domain(self) -> Action:
        subject = getattr(self, self.does)
        arguments: dict[str, dict[str, object]] = {
            "backup": {"store": subject},
            "restore": {"store": subject, "point": self.point},
            "rollback": {"service": subject, "to": self.to, "data": self.data},
            "recover": {"vault": subject},
            "check": {"service": subject},
            "command": {"command": list(self.command or ())},
            "ask": {"question": subject},
        }
        told = " ".join(self.command) if self.command else subject
        title = self.title or (subject if self.does == "ask" else f"{self.does.capitalize()} {told}")
        return Action(title, self.does, arguments[self.does], self.limit)


class ProcedureEntry(Strict):
    """A runbook."""

    name: Name = Field(description="Its name, to run it by.")
    when: str = Field(min_length=1, description="When a person should run it, as a sentence.")
    steps: tuple[ActionEntry, ...] = Field(min_length=1, description="What is done, in order.")


class RecoveryProceduresDocument(Strict):
    """Runbooks written by people, as steps that run, resume and are rehearsed."""

    kind: Literal["recovery/procedures"] = Field(description="Always `recovery/procedures`.")
    version: Literal[1] = Field(description="The version of this document's format.")
    procedures: tuple[ProcedureEntry, ...] = Field((), description="The runbooks.")

    def to_domain(self) -> tuple[Procedure, ...]:
        """Each procedure with the steps of those it runs laid out in place (crosscheck finds circles)."""
        by_name = {procedure.name: procedure for procedure in self.procedures}
        return tuple(
            Procedure(procedure.name, procedure.when, _actions(procedure, by_name))
            for procedure in self.procedures
        )


def _actions(procedure: ProcedureEntry, by_name: Mapping[str, ProcedureEntry]) -> tuple[Action, ...]:
    actions: list[Action] = []
    for step in procedure.steps:
        if step.procedure is None:
            actions.append(step.to_domain())
        else:
            actions.extend(_actions(by_name[step.procedure], by_name))
    return tuple(actions)
