"""Files of a tree: which paths are taken, and how they are replaced."""

import os
import threading
from pathlib import Path

import pytest

from dispatch.agents.tools.paths import Refused, components
from dispatch.agents.tools.tree import Tree
from dispatch.state.dot_git import is_like_dot_git


def refusal(tree: Tree, raw: str) -> str:
    """The sentence a read is refused with."""
    with pytest.raises(Refused) as caught:
        tree.read(raw)
    return str(caught.value)


def test_an_absolute_path_inside_is_taken_in_both_spellings(tmp_path: Path) -> None:
    """[PE-01, PE-02] Models give absolute paths; the root may itself be reached by a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("a")
    (tmp_path / "link").symlink_to("real")
    tree = Tree(tmp_path / "link")
    for raw in ("a.txt", "./a.txt", f"{tmp_path}/link/a.txt", f"{tmp_path}//real/./a.txt"):
        assert tree.read(raw) == b"a"


def test_a_refusal_names_the_path_the_root_and_the_reason(root: Path) -> None:
    """[PE-08, PE-09, PE-21]"""
    tree = Tree(root)
    assert refusal(tree, "../../x") == (
        f"The path '../../x' is outside the configured root {root}: "
        "'..' is not followed, write the path from the root on."
    )
    assert refusal(tree, "/etc/passwd") == (
        f"The path '/etc/passwd' is outside the configured root {root}: "
        "it is absolute and does not lie beneath the root."
    )


def test_a_sibling_with_the_roots_name_as_prefix_is_outside(root: Path) -> None:
    """[PE-10, PE-12] Names are compared, not text."""
    evil = root.with_name(root.name + "-evil")
    evil.mkdir()
    (evil / "x").write_text("x")
    assert f"'{evil}/x' is outside the configured root {root}" in refusal(Tree(root), f"{evil}/x")


def test_what_is_missing_or_a_folder_is_said(root: Path) -> None:
    """Not every refusal is an escape."""
    (root / "folder").mkdir()
    tree = Tree(root)
    assert refusal(tree, "no.txt") == f"The path 'no.txt' does not exist (the root is {root})."
    assert refusal(tree, "folder") == "The path 'folder' is a directory, not a file."
    assert refusal(tree, ".") == "The path '.' is a directory, not a file."


def test_the_components_of_the_root_are_none() -> None:
    """The root itself, however it is written."""
    root = Path("/work/tree")
    assert [components(raw, root) for raw in (".", "./", "/work/tree", "/work/tree/")] == [()] * 4
    assert components("/a/b", Path("/")) == ("a", "b")


@pytest.mark.parametrize("name", [".gitignore", ".github", "git", "git~", "x.git", ".git-blame"])
def test_a_name_that_only_begins_like_git_metadata_is_allowed(name: str) -> None:
    """Ignore files and workflows are ordinary files."""
    assert not is_like_dot_git(name)


def test_replacing_keeps_the_mode_but_no_setuid_bit(root: Path) -> None:
    """A script stays executable; a privilege is never carried over."""
    script = root / "run.sh"
    script.write_text("old")
    script.chmod(0o4755)
    Tree(root).replace("run.sh", lambda old: b"new:" + (old or b""))
    assert script.read_bytes() == b"new:old"
    assert script.stat().st_mode & 0o7777 == 0o755


def test_a_new_file_gets_its_folders(root: Path) -> None:
    """[PE-05]"""
    Tree(root).replace("a/b/c.txt", lambda old: b"" if old is None else b"?")
    assert (root / "a" / "b" / "c.txt").read_bytes() == b""


def test_a_change_that_is_refused_leaves_everything_as_it_was(root: Path) -> None:
    """No temporary file, no folder, no half content."""
    (root / "a.txt").write_text("a")

    def refuse(_: bytes | None) -> bytes:
        raise Refused("no")

    for raw in ("a.txt", "new/b.txt"):
        with pytest.raises(Refused):
            Tree(root).replace(raw, refuse)
    assert [path.name for path in root.rglob("*")] == ["a.txt"]
    assert (root / "a.txt").read_text() == "a"


def test_new_content_is_prepared_outside_of_the_tree(root: Path, tmp_path: Path) -> None:
    """A kill between writing and renaming must not leave a file that would be committed."""
    staging = tmp_path / "staging"
    staging.mkdir()
    os.utime(staging, (0, 0))
    watched = os.open(staging, os.O_RDONLY)
    before = os.fstat(watched).st_mtime_ns
    Tree(root, staging=staging).replace("a.txt", lambda _: b"a")
    assert os.fstat(watched).st_mtime_ns > before
    os.close(watched)
    assert list(staging.iterdir()) == []
    assert (root / "a.txt").read_bytes() == b"a"


def test_two_writers_in_one_process_lose_no_update(root: Path) -> None:
    """[W-44] Read, change and replace are one step."""
    (root / "n.txt").write_text("")

    def append() -> None:
        tree = Tree(root)
        for _ in range(50):
            tree.replace("n.txt", lambda old: (old or b"") + b"x")

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (root / "n.txt").read_bytes() == b"x" * 200


def test_a_file_with_a_second_name_is_not_read(root: Path, tmp_path: Path) -> None:
    """Whose content that is cannot be known."""
    (tmp_path / "secret").write_text("secret")
    (root / "hard").hardlink_to(tmp_path / "secret")
    assert "a hard link" in refusal(Tree(root), "hard")
