"""What a run asks a person while it goes on, and what people say to it: question.json and words.jsonl."""

from __future__ import annotations

import json
from pathlib import Path

from lastgood.domain.codec import dumps, loads
from lastgood.domain.run import Word
from lastgood.records.files import not_written, write_whole


def put_question(folder: Path, question: str) -> None:
    """ "" takes the question back."""
    if question or (folder / "question.json").exists():
        write_whole(folder / "question.json", json.dumps(question))


def question_in(folder: Path) -> str:
    try:
        return str(json.loads((folder / "question.json").read_text(encoding="ascii")))
    except FileNotFoundError:
        return ""


def add_word(folder: Path, word: Word) -> None:
    """Raises DiskFull, ActionFailed."""
    file = folder / "words.jsonl"
    try:
        with file.open("ab") as stream:
            stream.write(dumps(word).encode() + b"\n")
    except OSError as error:
        raise not_written(file, error) from error


def words_in(folder: Path) -> tuple[Word, ...]:
    """In the order in which they were said; one that a crash tore off was not said."""
    try:
        lines = (folder / "words.jsonl").read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return ()
    return tuple(loads(Word, line.decode()) for line in lines)
