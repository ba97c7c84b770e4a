"""Lines out of a stream of bytes: a last line without its end waits, one that is too long is cut."""

from __future__ import annotations

MOST_LINE_BYTES = 65_536


class Splitter:
    def __init__(self) -> None:
        self._rest = b""
        self._cutting = False

    def lines(self, part: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends. One longer than MOST_LINE_BYTES is told when it
        is that long, and the rest of it is dropped."""
        *whole, rest = (self._rest + part).split(b"\n")
        if whole and self._cutting:
            whole = whole[1:]
            self._cutting = False
        if self._cutting:
            rest = b""
        elif len(rest) > MOST_LINE_BYTES:
            whole.append(rest[:MOST_LINE_BYTES])
            rest, self._cutting = b"", True
        self._rest = rest
        return [line[:MOST_LINE_BYTES] for line in whole if line.strip()]

    def forget(self) -> None:
        """What was half read belongs to a file that is gone."""
        self._rest, self._cutting = b"", False
