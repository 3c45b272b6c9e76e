"""Patches as real git writes them, and the proof that a merge dropped nothing."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.policy.hunks import missing_hunks
from dispatch.policy.patches import Hunk, parse_patch
from dispatch.state.enums import ChangeKind

MODIFIED, ADDED = ChangeKind.MODIFIED, ChangeKind.ADDED
DELETED, RENAMED = ChangeKind.DELETED, ChangeKind.RENAMED

Files = dict[str, str | bytes]
Diff = Callable[[Files, Files], str]


@pytest.fixture
def diff(tmp_path: Path) -> Diff:
    """The patch between two sets of files, made by git."""

    def git(*arguments: str) -> bytes:
        identity = ("-c", "user.name=n", "-c", "user.email=e", "-c", "core.quotePath=true")
        command = ("git", "-C", str(tmp_path), *identity, *arguments)
        return subprocess.run(command, check=True, capture_output=True).stdout

    def tree(files: Files) -> str:
        for path in tmp_path.rglob("*"):
            if path.is_file() and ".git" not in path.relative_to(tmp_path).parts:
                path.unlink()
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        git("add", "-A")
        return git("write-tree").decode().strip()

    def between(old: Files, new: Files) -> str:
        patch = git("diff", "-M", "--full-index", "--binary", tree(old), tree(new))
        return patch.decode("utf-8", "surrogateescape")

    git("init", "-q")
    return between


def lines(*numbers: int | str) -> str:
    return "".join(f"{number}\n" for number in numbers)


def test_each_run_of_changed_lines_is_a_hunk(diff: Diff) -> None:
    patch = diff({"f": lines(*range(20))}, {"f": lines("x", 1, 2, "y", *range(3, 19))})
    assert parse_patch(patch) == (
        Hunk("f", None, MODIFIED, ("0",), ("x",)),
        Hunk("f", None, MODIFIED, (), ("y",)),
        Hunk("f", None, MODIFIED, ("19",), ()),
    )


def test_what_happens_to_whole_files_is_a_fact(diff: Diff) -> None:
    body = lines(*range(10))
    old: Files = {"gone": "g\n", "from": body, "empty": ""}
    new: Files = {"new": "n\n", "to": body + "end"}
    assert parse_patch(diff(old, new)) == (
        Hunk("empty", None, DELETED, fact="gone"),
        Hunk("gone", None, DELETED, fact="gone"),
        Hunk("gone", None, DELETED, ("g",), ()),
        Hunk("new", None, ADDED, fact="exists"),
        Hunk("new", None, ADDED, (), ("n",)),
        Hunk("to", "from", RENAMED, fact="exists"),
        Hunk("from", None, RENAMED, fact="gone"),
        Hunk("to", "from", RENAMED, (), ("end",)),
    )


def test_a_binary_file_is_known_by_its_object_id(diff: Diff) -> None:
    hunks = parse_patch(diff({"b": b"\0one"}, {"b": b"\0two", "c": b"\0new"}))
    ids = [hunk.fact.removeprefix("content ") for hunk in hunks if "content" in hunk.fact]
    assert [len(each) for each in ids] == [40, 40]
    assert [(hunk.path, hunk.fact.partition(" ")[0]) for hunk in hunks] == [
        ("b", "content"),
        ("c", "exists"),
        ("c", "content"),
    ]


@pytest.mark.parametrize("mode", ["-x", "+x"])
def test_a_change_of_mode_is_a_fact(mode: str) -> None:
    old, new = ("100755", "100644") if mode == "-x" else ("100644", "100755")
    patch = f"diff --git a/a b/c b/a b/c\nold mode {old}\nnew mode {new}\n"
    assert parse_patch(patch) == (Hunk("a b/c", None, MODIFIED, fact=f"mode {new}"),)


@pytest.mark.parametrize(
    "name",
    ["a b", "ä", 'q"uote', "back\\slash", "tab\there", "new\nline", " b/ b/x", "bell\a", "-- a"],
)
def test_odd_names_are_read_as_they_are(diff: Diff, name: str) -> None:
    for old, new in (({}, {name: ""}), ({name: "1\n"}, {name: "2\n"}), ({name: "1"}, {})):
        assert {hunk.path for hunk in parse_patch(diff(dict(old), dict(new)))} == {name}
    body = lines(*range(9))
    moved = parse_patch(diff({"x": body}, {name: body}))
    assert [(hunk.path, hunk.old_path) for hunk in moved] == [(name, "x"), ("x", None)]


def test_lines_that_look_like_a_patch_are_content(diff: Diff) -> None:
    text = "-- a/x\n++ b/x\n@@ -1 +1 @@\ndiff --git a/q b/q\n"
    assert parse_patch(diff({"f": text}, {"f": "end"})) == (
        Hunk("f", None, MODIFIED, tuple(text.splitlines()), ("end",)),
    )


def test_only_a_line_feed_ends_a_line(diff: Diff) -> None:
    assert parse_patch(diff({"f": "a\r\n"}, {"f": "b\x0cc\u2028d\r\n"})) == (
        Hunk("f", None, MODIFIED, ("a\r",), ("b\x0cc\u2028d\r",)),
    )


def test_a_patch_that_was_cut_is_not_judged(diff: Diff) -> None:
    patch = diff({"f": lines(*range(9))}, {"f": lines(*range(5, 99))})
    with pytest.raises(ValueError, match="the patch is cut in f"):
        parse_patch(patch[: len(patch) // 2])
    assert parse_patch("commit 1\n\n    message\n\n" + patch + "-- \n2.39\n") == parse_patch(patch)


def test_a_merge_that_took_everything_misses_nothing(diff: Diff) -> None:
    base: Files = {"f": lines(*range(30))}
    ours: Files = {"f": lines("a", *range(1, 29), "z")}
    theirs: Files = {"f": lines(*range(14), "mid", *range(15, 30))}
    merged: Files = {"f": lines("a", *range(1, 14), "mid", *range(15, 29), "z")}
    accepted, committed = diff(base, theirs), diff(ours, merged)
    assert missing_hunks(accepted, committed, diff(base, ours)) == ()


def test_a_dropped_hunk_is_named(diff: Diff) -> None:
    base: Files = {"f": lines(*range(30)), "g": "g\n"}
    task: Files = {"f": lines("a", *range(1, 29), "z"), "g": "h\n"}
    without_end: Files = {"f": lines("a", *range(1, 30)), "g": "h\n"}
    assert missing_hunks(diff(base, task), diff(base, without_end)) == (
        Hunk("f", None, MODIFIED, ("29",), ("z",)),
    )
    assert missing_hunks(diff(base, task), "") == parse_patch(diff(base, task))


def test_the_same_lines_added_twice_must_be_there_twice(diff: Diff) -> None:
    base: Files = {"f": lines(*range(30))}
    twice: Files = {"f": lines("}", *range(30), "}")}
    once: Files = {"f": lines("}", *range(30))}
    assert len(missing_hunks(diff(base, twice), diff(base, once))) == 1


def test_what_a_sibling_changed_alike_is_present(diff: Diff) -> None:
    base: Files = {"f": lines(*range(30)), "b": b"\0old"}
    both: Files = {"f": lines("same", *range(1, 30)), "b": b"\0new", "n": "n\n"}
    task: Files = {**both, "f": lines("same", *range(1, 29), "mine")}
    accepted, committed, earlier = diff(base, task), diff(both, task), diff(base, both)
    assert missing_hunks(accepted, committed, earlier) == ()
    assert {hunk.path for hunk in missing_hunks(accepted, committed)} == {"b", "f", "n"}


def test_a_hunk_that_is_split_by_a_sibling_is_whole(diff: Diff) -> None:
    base: Files = {"f": lines(*range(10))}
    task: Files = {"f": lines(*range(3), "x", "y", *range(5, 10))}
    sibling: Files = {"f": lines(*range(3), "x", *range(4, 10))}
    accepted, committed = diff(base, task), diff(sibling, task)
    assert missing_hunks(accepted, committed, diff(base, sibling)) == ()


def test_work_follows_its_file_to_the_name_a_sibling_gave_it(diff: Diff) -> None:
    body = lines(*range(30))
    accepted = diff({"old": body}, {"old": "mine\n" + body})
    renamed = diff({"old": body}, {"new": body})
    committed = diff({"new": body}, {"new": "mine\n" + body})
    assert missing_hunks(accepted, committed, renamed) == ()
    assert missing_hunks(accepted, "", renamed) == (Hunk("old", None, MODIFIED, (), ("mine",)),)


def test_a_rename_is_found_again_where_git_sees_a_new_file(diff: Diff) -> None:
    body = lines(*range(30))
    as_rename = diff({"a": body}, {"b": body + "x\n"})
    rewritten = diff({"a": lines(*range(30, 99))}, {"b": body + "x\n"})
    assert "rename to" in as_rename
    assert "rename to" not in rewritten
    assert missing_hunks(as_rename, rewritten) == ()
    kept: Files = {"a": body, "b": body + "x\n"}
    assert missing_hunks(as_rename, diff({"a": body}, kept)) == (
        Hunk("a", None, RENAMED, fact="gone"),
    )


def test_a_dropped_deletion_mode_or_binary_is_named(diff: Diff) -> None:
    gone = diff({"f": "", "g": "g\n"}, {"g": "g\n"})
    assert missing_hunks(gone, "") == (Hunk("f", None, DELETED, fact="gone"),)
    binary = diff({"b": b"\0a"}, {"b": b"\0b"})
    other = diff({"b": b"\0a"}, {"b": b"\0c"})
    assert missing_hunks(binary, binary) == ()
    assert missing_hunks(binary, other) == parse_patch(binary)
    (content,) = (hunk.fact for hunk in parse_patch(binary) if hunk.fact.startswith("content"))
    shorter = binary.replace(content.removeprefix("content "), content[8:17])
    assert missing_hunks(binary, shorter) == missing_hunks(shorter, binary) == ()
    mode = "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n"
    assert missing_hunks(mode, "") == (Hunk("f", None, MODIFIED, fact="mode 100755"),)


def test_a_file_whose_lines_only_changed_places_must_still_be_touched(diff: Diff) -> None:
    moved = diff({"f": lines(1, 2, 3, 4)}, {"f": lines(4, 1, 2, 3)})
    assert missing_hunks(moved, moved) == ()
    assert missing_hunks(moved, "") == parse_patch(moved)


LINES = st.lists(st.sampled_from("abc{}"), min_size=0, max_size=12)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(base=LINES, ours=LINES, theirs=LINES)
def test_no_clean_merge_of_gits_is_accused(
    diff: Diff, tmp_path: Path, base: list[str], ours: list[str], theirs: list[str]
) -> None:
    texts = [lines(*each) for each in (ours, base, theirs)]
    places = [tmp_path.parent / f"{tmp_path.name}-{name}" for name in ("ours", "base", "theirs")]
    for place, text in zip(places, texts, strict=True):
        place.write_text(text)
    result = subprocess.run(
        ["git", "merge-file", "-p", *map(str, places)], capture_output=True, check=False, text=True
    )
    if result.returncode == 0:
        old: Files = {"f": texts[1]}
        accepted = diff(old, {"f": texts[2]})
        committed = diff({"f": texts[0]}, {"f": result.stdout})
        assert missing_hunks(accepted, committed, diff(old, {"f": texts[0]})) == ()
