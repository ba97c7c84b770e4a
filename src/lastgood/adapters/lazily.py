"""A mapping whose values are built when they are first asked for: a command pays for what it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

T = TypeVar("T")


class Lazily(Mapping[str, T]):
    """`build` makes the value of a name, once. What it raises reaches whoever asked, who may ask again."""

    def __init__(self, names: Iterable[str], build: Callable[[str], T]) -> None:
        self._names = tuple(names)
        self._build = build
        self._built: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._built:
            if name not in self._names:
                raise KeyError(name)
            self._built[name] = self._build(name)
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        """Without building it."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Deferred(Mapping[str, T]):
    """A mapping that is made as a whole when it is first touched."""

    def __init__(self, make: Callable[[], Mapping[str, T]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Mapping[str, T]:
        return self._make()

    def __getitem__(self, name: str) -> T:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
