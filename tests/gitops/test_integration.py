"""Merges, picks, commits and notes in the run's store."""

import itertools
from pathlib import Path

import pytest
from fakes.git_repos import (
    BASE_FILES,
    TIME,
    WRITER,
    a_run,
    a_user,
    in_store,
    make_tree,
    read_tree,
    store_text,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.gitops.diffs import PATCH_CUT, PATCH_LIMIT
from dispatch.gitops.store import RunRepository
from dispatch.state.enums import ChangeKind
from dispatch.state.errors import GitError, RefMoved
from dispatch.state.git_values import Merge
from dispatch.state.records import Identity
from dispatch.state.work import FileChange

LINES = [f"line {number}\n" for number in range(30)]


class Bench:
    """A run's repository and trees made from texts."""

    def __init__(self, tmp_path: Path, files: dict[str, str] | None = None) -> None:
        self.user = a_user(tmp_path, files)
        self.base = self.user.head
        self.run: RunRepository = a_run(self.user)
        self.store = self.user.root / "dispatch/run/git"
        self.files = BASE_FILES if files is None else files

    def tree(self, **changes: str | None) -> str:
        """The base's tree with files changed or, with null, taken out."""
        files: dict[str, str | None] = {**self.files, **changes}
        return make_tree(
            self.store, {path: text for path, text in files.items() if text is not None}
        )

    def commit(self, tree: str, parent: str, message: str = "work") -> str:
        """A commit of a tree."""
        return self.run.commit(tree, parent, message, WRITER, TIME)

    def read(self, tree: str) -> dict[str, str]:
        """The paths and texts of a tree."""
        return read_tree(self.store, tree)


def test_edits_of_two_tasks_are_both_in_the_merge(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ours = bench.commit(bench.tree(**{"a.txt": "ONE\ntwo\nthree\n", "new": "n"}), bench.base)
    theirs = bench.tree(**{"a.txt": "one\ntwo\nTHREE\n", "lib/b.txt": None})
    merge = bench.run.merge(ours, theirs, bench.base)
    assert merge.conflicts == ()
    assert bench.read(merge.tree) == {
        ".gitignore": BASE_FILES[".gitignore"],
        "a.txt": "ONE\ntwo\nTHREE\n",
        "new": "n",
    }


def test_an_edit_follows_a_file_that_a_sibling_renamed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"old": "".join(LINES)})
    ours = bench.commit(make_tree(bench.store, {"new/name": "".join(LINES)}), bench.base)
    theirs = bench.tree(old="".join(["first\n", *LINES]))
    merge = bench.run.merge(ours, theirs, bench.base)
    assert (merge.conflicts, bench.read(merge.tree)) == (
        (),
        {"new/name": "".join(["first\n", *LINES])},
    )


def test_conflicts_are_named_sorted_and_shown_in_the_tree(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"z é": "1\n", "a\nb": "1\n", "gone": "1\n", "fine": "1\n"})
    ours = bench.commit(bench.tree(**{"z é": "2\n", "a\nb": "2\n", "gone": None}), bench.base)
    theirs = bench.tree(**{"z é": "3\n", "a\nb": "3\n", "gone": "3\n", "fine": "3\n"})
    merge = bench.run.merge(ours, theirs, bench.base)
    assert merge.conflicts == ("a\nb", "gone", "z é")
    text = bench.read(merge.tree)["z é"].split("\n")
    assert [line[:7] for line in text] == ["<<<<<<<", "2", "=======", "3", ">>>>>>>", ""]
    assert bench.read(merge.tree)["fine"] == "3\n"
    assert bench.run.merge(ours, theirs, bench.base) == merge


def test_the_base_of_a_merge_is_the_given_one_whatever_the_history(tmp_path: Path) -> None:
    """The boundary is no ancestor of a level that was rebuilt; the merge must not mind."""
    bench = Bench(tmp_path)
    boundary = bench.commit(bench.tree(**{"a.txt": "1\n2\n3\n"}), bench.base)
    ours = bench.commit(bench.tree(**{"a.txt": "X\n2\n3\n"}), bench.base)
    merge = bench.run.merge(ours, bench.tree(**{"a.txt": "1\n2\nY\n"}), boundary)
    assert (merge.conflicts, bench.read(merge.tree)["a.txt"]) == ((), "X\n2\nY\n")


def test_merging_what_is_there_already_changes_nothing(tmp_path: Path) -> None:
    """[CL-05]"""
    bench = Bench(tmp_path)
    tree = bench.tree(new="n")
    ours = bench.commit(tree, bench.base)
    assert bench.run.merge(ours, tree, bench.base) == Merge(tree, ())
    assert bench.run.merge(ours, bench.run.tree_of(bench.base), bench.base) == Merge(tree, ())


@settings(max_examples=10, deadline=None)
@given(
    owners=st.lists(st.integers(0, 2), min_size=10, max_size=10),
    kinds=st.lists(st.sampled_from(["edit", "insert", "delete"]), min_size=10, max_size=10),
    extra=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_fan_in_conserves_every_edit_in_any_order_of_completion(
    tmp_path_factory: pytest.TempPathFactory, owners: list[int], kinds: list[str], extra: list[bool]
) -> None:
    """Three tasks edit places of one file that lie apart; six orders give one tree."""
    bench = Bench(tmp_path_factory.mktemp("fan-in"), {"f": "".join(LINES)})
    trees = []
    for task in range(3):
        mine = [kind if owner == task else "" for owner, kind in zip(owners, kinds, strict=True)]
        files = {"f": _edited(task, mine)} | ({f"new-{task}": "n\n"} if extra[task] else {})
        trees.append(make_tree(bench.store, files))
    results = set()
    for order in itertools.permutations(range(3)):
        tip = bench.base
        for task in order:
            merge = bench.run.merge(tip, trees[task], bench.base)
            assert merge.conflicts == ()
            if merge.tree != bench.run.tree_of(tip):
                tip = bench.commit(merge.tree, tip)
        results.add(bench.run.tree_of(tip))
    assert len(results) == 1
    everything = "".join(
        text
        for place, (owner, kind) in enumerate(zip(owners, kinds, strict=True))
        for text in _place(owner, place, kind)
    )
    new = {f"new-{task}": "n\n" for task in range(3) if extra[task]}
    assert bench.read(results.pop()) == {"f": everything} | new


def _edited(task: int, kinds: list[str]) -> str:
    return "".join(text for place, kind in enumerate(kinds) for text in _place(task, place, kind))


def _place(task: int, place: int, kind: str) -> list[str]:
    """Three lines of the file, the middle one changed; the others keep the edits apart."""
    first, middle, last = LINES[place * 3 : place * 3 + 3]
    changed = {
        "edit": [f"task {task}\n"],
        "insert": [middle, f"task {task} at {place}\n"],
        "delete": [],
        "": [middle],
    }
    return [first, *changed[kind], last]


def test_picking_takes_the_named_paths_as_they_are_or_are_not(tmp_path: Path) -> None:
    """[CL-03, GT-01, GT-09, W-18] Exactly those files, also when they are gone."""
    bench = Bench(tmp_path, {"a": "a", "gone": "g", "d/x": "x", "file": "f"})
    source = make_tree(bench.store, {"a": "A", "d/x": "other", "d/ new": "n", "file/now": "folder"})
    assert bench.read(bench.run.pick(bench.base, source, ["a", "gone", "d/ new", "never"])) == {
        "a": "A",
        "d/x": "x",
        "d/ new": "n",
        "file": "f",
    }
    assert bench.read(bench.run.pick(bench.base, source, ["file", "file/now"])) == {
        "a": "a",
        "gone": "g",
        "d/x": "x",
        "file/now": "folder",
    }
    assert bench.run.pick(bench.base, source, []) == bench.run.tree_of(bench.base)


def test_a_commit_is_a_function_of_what_it_is_given(tmp_path: Path) -> None:
    """[CL-02] The id is pinned: nothing of machine, time or settings is in it."""
    ids = set()
    for name in ("one", "two"):
        bench = Bench(tmp_path / name)
        bench.user.git("config", "user.name", name)
        bench.user.git("config", "commit.gpgSign", "true")
        tree = bench.tree(new="n")
        first = bench.commit(tree, bench.base)
        assert bench.commit(tree, bench.base) == first
        ids.add(first)
        raw = store_text(bench.user, "cat-file", "commit", first)
        assert raw == (
            f"tree {tree}\nparent {bench.base}\n"
            f"author Ann Author <ann@example.org> {TIME} +0000\n"
            f"committer Ann Author <ann@example.org> {TIME} +0000\n\nwork"
        )
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        ("Use `a`, \"b\", 'c' and $HOME", "Use `a`, \"b\", 'c' and $HOME\n"),
        ("Subject\n\nBody\nof two lines\n\n", "Subject\n\nBody\nof two lines\n"),
        ("# not a comment", "# not a comment\n"),
        ("ümläut\0", "ümläut\n"),
    ],
)
def test_messages_are_kept(tmp_path: Path, message: str, stored: str) -> None:
    """[GT-03, GT-04]"""
    bench = Bench(tmp_path)
    commit = bench.commit(bench.tree(new="n"), bench.base, message)
    raw = in_store(bench.user, "cat-file", "commit", commit).stdout.decode()
    assert raw.split("\n\n", 1)[1] == stored


def test_a_commit_that_says_or_changes_nothing_is_refused(tmp_path: Path) -> None:
    """[GT-02, GT-07, CL-04]"""
    bench = Bench(tmp_path)
    with pytest.raises(GitError, match="nothing to commit"):
        bench.commit(bench.tree(), bench.base)
    with pytest.raises(GitError, match="the message is empty"):
        bench.commit(bench.tree(new="n"), bench.base, " \n")
    with pytest.raises(GitError, match="does not exist"):
        bench.commit("1" * 40, bench.base)
    with pytest.raises(GitError, match="is not a commit"):
        bench.commit(bench.tree(new="n"), bench.tree())


def test_no_identity_makes_a_commit_that_git_calls_broken(tmp_path: Path) -> None:
    """[W-62]"""
    bench = Bench(tmp_path)
    for number, name in enumerate(("", "<script>", "a\nb", "..", "Ünï Cødé")):
        identity = Identity(name=name, email="x y<@>example.org")
        commit = bench.run.commit(bench.tree(new=str(number)), bench.base, "m", identity, TIME)
        bench.run.move(f"refs/heads/x{number}", commit, None)
    assert store_text(bench.user, "fsck", "--strict", "--no-dangling") == ""


def test_notes_are_kept_beside_commits_and_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first = bench.commit(bench.tree(new="n"), bench.base)
    second = bench.commit(bench.tree(other="o"), first)
    for commit, text in ((first, "one\n"), (second, "two\n"), (first, "one\n")):
        bench.run.note(commit, text, WRITER, TIME)
    ref = "refs/notes/dispatch/run"
    assert store_text(bench.user, "notes", f"--ref={ref}", "show", first) == "one"
    assert store_text(bench.user, "notes", f"--ref={ref}", "show", second) == "two"
    assert store_text(bench.user, "rev-list", "--count", ref) == "2"
    bench.run.note(first, "changed\n", WRITER, TIME)
    assert store_text(bench.user, "notes", f"--ref={ref}", "show", first) == "changed"


def test_changes_between_trees_are_told_as_records(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"m": "".join(LINES), ":odd": "x", "b.bin": "\0old"})
    new = make_tree(
        bench.store, {"n": "".join([*LINES, "more\n"]), "b.bin": "\0new", "a": "1\n2\n"}
    )
    assert bench.run.changes(bench.base, new) == (
        FileChange(path=":odd", kind=ChangeKind.DELETED, deleted_lines=1),
        FileChange(path="a", kind=ChangeKind.ADDED, added_lines=2),
        FileChange(path="b.bin", kind=ChangeKind.MODIFIED),
        FileChange(path="n", kind=ChangeKind.RENAMED, old_path="m", added_lines=1),
    )
    assert bench.run.changes(new, new) == ()


def test_a_patch_has_the_message_and_marks_what_is_cut(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    small = bench.commit(bench.tree(**{"a.txt": "one\n", "x.bin": "\0"}), bench.base, "Say it")
    patch = bench.run.patch(small)
    assert "Subject: Say it\n" in patch
    assert "-two\n-three\n" in patch
    assert "Binary files /dev/null and b/x.bin differ" in patch
    assert bench.run.diff(bench.base, small) == patch[patch.index("diff --git") :]
    large = bench.commit(bench.tree(big="x\n" * PATCH_LIMIT), bench.base)
    patch = bench.run.patch(large)
    assert patch.endswith(PATCH_CUT)
    assert len(patch) == PATCH_LIMIT + len(PATCH_CUT)
    assert bench.run.patch(bench.base).count("diff --git") == len(BASE_FILES)


def test_kept_trees_stay_reachable_when_the_ref_moves_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ref, one, two = "refs/dispatch/submitted/1a", bench.tree(new="1"), bench.tree(new="2")
    first = bench.run.keep(ref, one, bench.base, WRITER, TIME)
    assert bench.run.keep(ref, one, bench.base, WRITER, TIME) == first == bench.run.tip(ref)
    second = bench.run.keep(ref, two, bench.base, WRITER, TIME)
    assert (bench.run.tip(ref), bench.run.tree_of(second)) == (second, two)
    assert bench.run.tip(f"refs/dispatch/superseded/{first}") == first
    with pytest.raises(GitError, match="full ref name"):
        bench.run.keep("../outside", one, bench.base, WRITER, TIME)


def test_refs_move_by_compare_and_swap(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    one = bench.commit(bench.tree(new="1"), bench.base)
    two = bench.commit(bench.tree(new="2"), bench.base)
    ref = "refs/heads/dispatch/run-level-1"
    bench.run.move(ref, one, None)
    bench.run.move(ref, one, None)
    with pytest.raises(RefMoved, match=f"{ref} already exists at {one}, expected it at {two}"):
        bench.run.move(ref, bench.base, two)
    with pytest.raises(RefMoved, match="expected it not to exist: refusing to clobber"):
        bench.run.move(ref, two, None)
    with pytest.raises(RefMoved, match="refs/heads/none does not exist"):
        bench.run.move("refs/heads/none", two, one)
    assert (bench.run.tip(ref), bench.run.tip("refs/heads/none")) == (one, None)


def test_ancestry_and_what_is_missing_from_a_branch(tmp_path: Path) -> None:
    """[W-48]"""
    bench = Bench(tmp_path)
    one = bench.commit(bench.tree(new="1"), bench.base)
    two = bench.commit(bench.tree(new="2"), one)
    side = bench.commit(bench.tree(new="3"), bench.base)
    assert bench.run.is_ancestor(one, two)
    assert bench.run.is_ancestor(two, two)
    assert not bench.run.is_ancestor(two, one)
    nowhere = "1" * 40
    assert bench.run.unreachable([one, side, two, nowhere], two) == (side, nowhere)
    assert bench.run.unreachable([], two) == ()


def test_a_store_is_made_again_without_harm_and_never_for_another_base(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    one = bench.commit(bench.tree(new="1"), bench.base)
    bench.run.move("refs/heads/dispatch/run", one, bench.base)
    (bench.store / "refs/heads/dispatch/run.lock").write_text("")
    again = RunRepository(bench.user.root, bench.user.root / "dispatch/run", "run")
    again.ensure_store(bench.base, "dispatch/run")
    assert again.tip("refs/heads/dispatch/run") == one
    again.move("refs/heads/dispatch/run", bench.commit(bench.tree(new="2"), one), one)
    other = bench.user.commit()
    with pytest.raises(RefMoved, match=f"refs/dispatch/run/base already exists at {bench.base}"):
        again.ensure_store(other, "dispatch/run")
