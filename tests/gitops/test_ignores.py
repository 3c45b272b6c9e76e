"""One list of patterns means what the ``.gitignore`` files meant where they were."""

import pytest
from fakes.git_repos import a_user, write
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.gitops.ignores import anchored, rules_of
from dispatch.gitops.program import Place, git

PATTERNS = st.sampled_from(
    [
        *(
            "a",
            "b/",
            "/a",
            "a/b",
            "a/b/",
            "*.o",
            "!x.o",
            "!a",
            "**/b",
            "a/**",
            "[ab]",
            "\\!x",
            "\\#a",
        ),
        *("/b/", "c?", "# a", "", "a ", "a\\ ", "!b/", "*", "!*/", "/a/**/b", "x.o\r"),
    ]
)
FILES = [
    *("a", "b", "x.o", "c1", "!x", "#a", "d/a", "d/b", "d/x.o", "d/c1", "d/!x", "d/#a", "d/e/a"),
    *("d/e/b", "d/e/x.o", "d/s [x]/a", "d/s [x]/x.o", "f/a/b", "f/b/a", "d/a b"),
]
FOLDERS = ["", "d/", "d/e/", "d/s [x]/", "f/", "f/a/"]


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.sampled_from(FOLDERS), st.lists(PATTERNS, max_size=5), max_size=4))
def test_git_ignores_the_same_files_by_either(
    tmp_path_factory: pytest.TempPathFactory, rules: dict[str, list[str]]
) -> None:
    """[W-59]"""
    tmp_path = tmp_path_factory.mktemp("ignores")
    user = a_user(tmp_path, {f"{folder}.gitignore": "\n".join(rules[folder]) for folder in rules})
    if rules:
        user.git("add", "--force", "--all")
        user.git("commit", "--quiet", "--allow-empty", "-m", "all rules")
    store = user.root / ".git"
    (store / "info/exclude").write_text("")
    one = tmp_path / "rules"
    one.write_bytes(rules_of(store, user.head))
    write(user.root, dict.fromkeys(FILES, "x"))
    place = Place(store, work_tree=user.root)
    by_files, by_rules = (
        git(place, "ls-files", "--others", "-z", option).stdout.split(b"\0")
        for option in ("--exclude-per-directory=.gitignore", f"--exclude-from={one}")
    )
    assert by_rules == by_files


def test_patterns_are_anchored_in_their_folder() -> None:
    text = b"\xef\xbb\xbf# note\n\n*.o\n/top\r\na/b\n!keep/\n"
    assert anchored(text, b"") == b"*.o\n/top\na/b\n!keep/"
    assert anchored(text, b"d[1]") == b"/d\\[1]/**/*.o\n/d\\[1]/top\n/d\\[1]/a/b\n!/d\\[1]/**/keep/"
