"""Where a project keeps data: SQLite files, told by their first bytes, and folders of uploads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from lastgood.adapters.discovery.looking import beginning
from lastgood.deciding.clues import Dsn, name_of
from lastgood.domain.found import FoundStore

MOST_DATABASES: Final = 8

_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_FOLDERS: Final = (
    "uploads", "media", "storage", "data", "files", "static/uploads", "public/uploads", "instance/uploads",
    "var/uploads", "data/uploads",
)  # fmt: skip
_COPIES: Final = (".bak", ".backup", ".old", ".orig", ".tmp", "~")
_CODE: Final = (".py", ".js", ".ts", ".rb", ".go", ".php", ".html")


def stores_in(folder: Path, paths: Sequence[Path], dsns: Iterable[Dsn]) -> tuple[list[FoundStore], list[str]]:
    """The stores, and hints about what was seen and not made one."""
    stores: list[FoundStore] = []
    hints: list[str] = []
    for path in paths:
        if beginning(path, len(_SQLITE_MAGIC)) == _SQLITE_MAGIC:
            inside = path.relative_to(folder)
            if path.name.startswith("."):  # what tools keep for themselves, like .coverage
                continue
            if len(stores) == MOST_DATABASES or path.name.endswith(_COPIES):
                hints.append(f"{inside} is an SQLite database too: add it to stores when it is data.")
                continue
            stores.append(_store(stores, path.stem, "sqlite", inside, f"{inside} is an SQLite database."))
    for dsn in dsns:
        path = Path(dsn.path)
        if path.is_absolute() and path.is_relative_to(folder):
            path = path.relative_to(folder)
        known = {path} | ({Path("instance") / path} if not path.is_absolute() else set())
        if ".." not in path.parts and not any(store.path in known for store in stores):
            stores.append(
                _store(stores, path.stem, "sqlite", path, f"{dsn.variable} names this SQLite database.")
            )
    for name in _FOLDERS:
        path = Path(name)
        if not (folder / path).is_dir() or (folder / path).is_symlink() or _holds_code(folder / path):
            continue
        databases = [store.path for store in stores if store.path.is_relative_to(path)]
        if databases:
            hints.append(f"{name}/ holds the store {databases[0]}: other files in {name}/ are not protected.")
        elif not any(path.is_relative_to(store.path) for store in stores):
            stores.append(_store(stores, path.name, "files", path, f"{name}/ looks like files of users."))
    return stores, hints


def _store(others: Sequence[FoundStore], text: str, kind: str, path: Path, because: str) -> FoundStore:
    taken = {store.name for store in others}
    base = name_of(text, "data")
    name, number = base, 2
    while name in taken:
        name, number = f"{base[:36]}-{number}", number + 1
    return FoundStore(name, kind, path, because)


def _holds_code(folder: Path) -> bool:
    return any(path.suffix in _CODE for path in folder.iterdir())
