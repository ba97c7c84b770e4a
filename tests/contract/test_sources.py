"""Sources of releases: folders, tarballs and git revisions."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.adapters.sources.selection import excluded
from lastgood.adapters.sources.source import open_source
from lastgood.domain.errors import ActionFailed, UsageError

Fetch = Callable[..., dict[str, str]]
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Open and fetch a source: relative path -> content (of a link: its target)."""

    def fetched(text: str, exclude: tuple[str, ...] = (), target: Path | None = None) -> dict[str, str]:
        folder = target or tmp_path / "staged"
        folder.mkdir()
        open_source(text, tmp_path).fetch(folder, exclude)
        return {
            path.relative_to(folder).as_posix(): str(path.readlink())
            if path.is_symlink()
            else path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    return fetched


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "static").mkdir(parents=True)
    (folder / "serve.py").write_text("v1")
    (folder / "serve.py").chmod(0o755)
    (folder / "static" / "style.css").write_text("css")
    (folder / "latest").symlink_to("serve.py")
    return folder


@pytest.fixture
def repository(app: Path) -> Path:
    git(app, "init", "-q", "-b", "main")
    git(app, "add", ".")
    git(app, *AUTHOR, "commit", "-q", "-m", "first")
    git(app, "tag", "v1")
    (app / "serve.py").write_text("v2")
    git(app, *AUTHOR, "commit", "-q", "-a", "-m", "second")
    return app


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, timeout=20
    )
    return done.stdout.strip()


def tarball(file: Path, *members: tuple[str, str], mode: str = "w") -> Path:
    """Members are (name, content); a content that begins with -> makes a symbolic link."""
    with tarfile.open(file, mode) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content.startswith("->"):
                member.type, member.linkname = tarfile.SYMTYPE, content[2:]
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content.encode()))
    return file


def test_a_folder_is_copied_with_its_links_and_rights(fetch: Fetch, app: Path, tmp_path: Path) -> None:
    assert fetch("app") == {"serve.py": "v1", "latest": "serve.py", "static/style.css": "css"}
    assert os.access(tmp_path / "staged" / "serve.py", os.X_OK)
    assert open_source("app", tmp_path).label == "app"


def test_a_folder_that_holds_the_staging_folder_is_not_copied_into_itself(fetch: Fetch, app: Path) -> None:
    (app / "state").mkdir()
    assert "serve.py" in fetch("app", target=app / "state" / "staged")
    assert not (app / "state" / "staged" / "state" / "staged").exists()


def test_a_checkout_is_labelled_by_its_revision_and_dirt(repository: Path, tmp_path: Path) -> None:
    assert open_source("app", tmp_path).label.startswith("v1-1-g")
    (repository / "serve.py").write_text("v3")
    assert open_source("app", tmp_path).label.endswith("-dirty")


def test_a_pipe_in_a_folder_is_refused_by_name(fetch: Fetch, app: Path) -> None:
    os.mkfifo(app / "pipe")
    with pytest.raises(ActionFailed, match="pipe") as caught:
        fetch("app")
    assert "exclude" in caught.value.mend


@pytest.mark.parametrize(
    ("path", "patterns", "out"),
    [
        ("a/__pycache__/b.pyc", ("__pycache__",), True),
        ("a/b.pyc", ("*.pyc",), True),
        ("static/big/file", ("static/big",), True),
        ("static/big/file", ("static/big/",), True),
        ("static/bigger", ("static/big",), False),
        ("src/git", (".git",), False),
    ],
)
def test_a_pattern_matches_names_folders_and_relative_paths(
    path: str, patterns: tuple[str, ...], out: bool
) -> None:
    assert excluded(path, patterns) is out


def test_excluded_paths_are_left_out_of_every_source(fetch: Fetch, repository: Path, tmp_path: Path) -> None:
    tarball(tmp_path / "app.tar", ("app/serve.py", "v1"), ("app/static/style.css", "css"))
    for number, text in enumerate(("app", "app.tar", "app@v1")):
        staged = fetch(text, (".git", "static", "latest"), target=tmp_path / f"staged{number}")
        assert list(staged) == ["serve.py"]


def test_a_source_of_which_nothing_is_left_is_an_error(fetch: Fetch, app: Path) -> None:
    with pytest.raises(ActionFailed, match="holds no file"):
        fetch("app", ("*",))


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("app-1.2.tar", "w"),
        ("app-1.2.tar.gz", "w:gz"),
        ("app-1.2.tgz", "w:gz"),
        ("app-1.2.tar.bz2", "w:bz2"),
        ("app-1.2.tar.xz", "w:xz"),
    ],
)
def test_a_tarball_of_any_kind_is_unpacked_without_its_top_folder(
    fetch: Fetch, tmp_path: Path, name: str, mode: str
) -> None:
    tarball(tmp_path / name, ("./app-1.2/a", "A"), ("./app-1.2/b/c", "C"), ("app-1.2/l", "->b/c"), mode=mode)
    assert fetch(name) == {"a": "A", "b/c": "C", "l": "b/c"}
    assert open_source(name, tmp_path).label == "app-1.2"


def test_a_hard_link_in_a_tarball_follows_its_top_folder(fetch: Fetch, tmp_path: Path) -> None:
    with tarfile.open(tarball(tmp_path / "app.tar", ("app/a", "A")), "a") as archive:
        link = tarfile.TarInfo("app/b")
        link.type, link.linkname = tarfile.LNKTYPE, "app/a"
        archive.addfile(link)
    assert fetch("app.tar") == {"a": "A", "b": "A"}


def test_a_tarball_of_several_top_entries_or_one_file_keeps_them(fetch: Fetch, tmp_path: Path) -> None:
    tarball(tmp_path / "several.tar", ("a", "A"), ("b/c", "C"))
    tarball(tmp_path / "one.tar", ("serve.py", "v1"))
    assert fetch("several.tar") == {"a": "A", "b/c": "C"}
    assert fetch("one.tar", target=tmp_path / "other") == {"serve.py": "v1"}


@pytest.mark.parametrize(
    "members",
    [
        (("app/../../outside", "x"), ("app/a", "A")),
        (("app/l", "->/etc"), ("app/a", "A")),
        (("app/l", "->../../.."), ("app/l/outside", "x")),
        (("l", "->.."), ("l/outside", "x")),
    ],
)
def test_a_tarball_never_writes_outside_its_folder(
    fetch: Fetch, tmp_path: Path, members: tuple[tuple[str, str], ...]
) -> None:
    tarball(tmp_path / "evil.tar", *members)
    with pytest.raises(ActionFailed) as caught:
        fetch("evil.tar")
    assert caught.value.mend
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize("kept", [0, 40, 200])
def test_a_torn_tarball_is_an_error(fetch: Fetch, tmp_path: Path, kept: int) -> None:
    whole = tarball(
        tmp_path / "app.tar.gz", *((f"app/{n}", os.urandom(99).hex()) for n in range(9)), mode="w:gz"
    )
    whole.write_bytes(whole.read_bytes()[:kept])
    with pytest.raises(ActionFailed) as caught:
        fetch("app.tar.gz")
    assert caught.value.mend


def test_what_is_no_tarball_says_what_would_be_one(fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "app.tar").write_text("no archive at all" * 100)
    (tmp_path / "app.zip").write_text("zip")
    with pytest.raises(ActionFailed, match="no whole tarball"):
        fetch("app.tar")
    with pytest.raises(UsageError, match="neither a folder nor a tarball") as caught:
        open_source("app.zip", tmp_path)
    assert ".tar.xz" in caught.value.mend


@pytest.mark.parametrize("text", ["app@v1", "git:app@v1"])
def test_a_tag_of_a_repository_is_fetched_and_is_its_label(
    fetch: Fetch, repository: Path, tmp_path: Path, text: str
) -> None:
    assert fetch(text) == {"serve.py": "v1", "latest": "serve.py", "static/style.css": "css"}
    assert open_source(text, tmp_path).label == "v1"
    assert [path.name for path in tmp_path.glob("*.tar")] == []


@pytest.mark.parametrize("text", ["main", "git:main", "HEAD~0", "main@{0}", "git:main@{0}"])
def test_a_word_that_git_knows_is_a_revision_of_the_repository_around_the_documents(
    repository: Path, tmp_path: Path, text: str
) -> None:
    source = open_source(text, repository)
    (tmp_path / "out").mkdir()
    source.fetch(tmp_path / "out", ())
    assert (tmp_path / "out" / "serve.py").read_text() == "v2"
    assert git(repository, "rev-parse", "main").startswith(source.label)


def test_a_folder_of_a_repository_at_a_revision(fetch: Fetch, repository: Path) -> None:
    assert fetch("app/static@main") == {"style.css": "css"}


@pytest.mark.parametrize("text", ["nothing", "app@nothing", "git:nothing", "git:nowhere@main", "-x", ""])
def test_a_text_that_names_nothing_is_wrong_usage_that_says_what_to_write(
    repository: Path, tmp_path: Path, text: str
) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(text, tmp_path)
    assert caught.value.mend


def test_what_lives_in_the_source_but_is_no_part_of_a_release_is_named_by_its_place(
    fetch: Fetch, tmp_path: Path
) -> None:
    """lastgood's own folder with its keys and the live data, where people keep them in their project."""
    project = tmp_path / "project"
    for name in ("app.py", "data.db", "lastgood/.state/keys/local.key", "other/data.db"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name)
    own = (str(project / "lastgood"), str(project / "data.db"))
    assert set(fetch(str(project), own)) == {"app.py", "other/data.db"}
