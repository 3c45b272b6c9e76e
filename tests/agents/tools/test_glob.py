"""Globs and ignore rules: git's meaning, in linear time."""

import pytest

from dispatch.agents.tools.ignore import ignored, parse
from dispatch.state.glob import Glob


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.py", "a/b/c.py", True),
        ("/*.py", "a/c.py", False),
        ("./a/*.py", "a/c.py", True),
        ("a/**/d", "a/d", True),
        ("a/**/d", "a/b/c/d", True),
        ("a/**/d/**/e", "a/d/d/x/e", True),
        ("**", "a/b", True),
        ("a/**", "b/a", False),
        ("{a,b/{c,d}}/*.x", "b/d/1.x", True),
        ("[!a]*.x", "ab.x", False),
        (r"\*.x", "a.x", False),
        (r"\*.x", "*.x", True),
        ("a?c", "a/c", False),
    ],
)
def test_a_glob_means_what_people_expect(pattern: str, path: str, matches: bool) -> None:
    """Stars stay within a name, two of them cross folders."""
    assert Glob(pattern).matches(path.split("/")) is matches


@pytest.mark.parametrize("pattern", ["", "{a", "a}", "{a,b}" * 7, "x" * 1001])
def test_a_glob_that_cannot_be_used_is_refused(pattern: str) -> None:
    """Including one that would have too many alternatives."""
    with pytest.raises(ValueError, match="glob"):
        Glob(pattern)


def test_a_glob_of_many_stars_ends() -> None:
    """A hostile pattern on a hostile name: no backtracking."""
    assert not Glob("*a" * 60 + "b").matches(["a" * 250])
    assert not Glob("**/a/" * 40 + "b").matches(["a"] * 120)


@pytest.mark.parametrize(
    ("rules", "path", "is_folder", "expected"),
    [
        ("*.o", "a/b.o", False, True),
        ("/b.o", "a/b.o", False, False),
        ("a/b.o", "a/b.o", False, True),
        ("b/c", "a/b/c", False, False),
        ("**/b/c", "a/b/c", False, True),
        ("out/", "out", False, False),
        ("out/", "x/out", True, True),
        ("*\n!keep", "keep", False, False),
        ("# comment\n\n", "# comment", False, False),
        (r"\#x", "#x", False, True),
        (r"\!x", "!x", False, True),
        ("x   ", "x", False, True),
        ("[", "[", False, True),
    ],
)
def test_ignore_rules_follow_git(rules: str, path: str, is_folder: bool, expected: bool) -> None:
    """Anchors, folders, negation, comments, escapes."""
    assert ignored([parse(rules.encode(), 0)], path.split("/"), is_folder) is expected


def test_a_deeper_ignore_file_overrules_and_sees_its_own_folder_only() -> None:
    """As git reads them."""
    files = [parse(b"*.log", 0), parse(b"!/keep.log", 1)]
    assert [
        ignored(files, ["sub", "keep.log"], False),
        ignored(files, ["sub", "x", "keep.log"], False),
    ] == [False, True]
