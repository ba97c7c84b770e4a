"""What people said to a run that goes on, and what that means now. Words stand in the order of saying."""

from __future__ import annotations

from collections.abc import Sequence

from lastgood.domain.run import Word, WordKind


def paused_by(words: Sequence[Word]) -> Word | None:
    """The word that keeps the run where it is; None when it may go on."""
    for word in reversed(words):
        if word.kind in (WordKind.PAUSE, WordKind.CONTINUE):
            return word if word.kind is WordKind.PAUSE else None
    return None


def promoted_by(words: Sequence[Word]) -> Word | None:
    return next((word for word in words if word.kind is WordKind.PROMOTE), None)


def answer(words: Sequence[Word], since: int) -> Word | None:
    """The first answer after `since` words: an answer to an earlier question is none to this one."""
    return next((word for word in words[since:] if word.kind is WordKind.APPROVE), None)
