"""Fan-in against git itself, on real changes of real libraries: the oracle's cases.

The product carries a run with one task for each feature; beside it, and without any of its code,
the features are merged in the same order with ``git merge-tree``.  Sources: oracle/README.md.
"""

import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from attrs import frozen
from fakes.run_harness import GIT_ENV, Place, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, planned

from dispatch.state.enums import FixSource, RunStatus
from dispatch.state.jobs import FixJob

ORACLE = Path(__file__).with_name("oracle")
CASES = sorted(folder.name for folder in ORACLE.iterdir() if folder.is_dir())
MIN_PAIRS = 30


@frozen
class Oracle:
    """What git says: the features' trees, the conflicts of each, the trees after each."""

    trees: tuple[str, ...]
    conflicts: tuple[tuple[str, ...], ...]
    last: str


def test_there_are_enough_pairs_of_both_kinds(tmp_path: Path) -> None:
    """At least thirty pairs of features, of which some conflict and some do not."""
    kinds = Counter[bool]()
    for case in CASES:
        user = _user(tmp_path / case, case)
        trees = [_feature(user, case, number) for number in _features(case)]
        kinds.update(bool(_merge(user, "main", *pair)[1]) for pair in combinations(trees, 2))
    assert kinds.total() >= MIN_PAIRS
    assert min(kinds[True], kinds[False]) >= 5


@pytest.mark.parametrize("case", CASES)
def test_conflicts_are_exactly_git_s_and_no_accepted_hunk_is_lost(
    tmp_path: Path, case: str
) -> None:
    """The conflicting files of each task, the final tree, and the account of every hunk."""
    user = _user(tmp_path / "repository", case)
    oracle = _oracle(user, case)
    ids = [f"1{letter}-f{number}" for letter, number in zip("abc", _features(case), strict=False)]
    paths = [_changed(user, tree) for tree in oracle.trees]
    works = {
        task: Work(edit=_writes(user, tree, changed), files=changed)
        for task, tree, changed in zip(ids, oracle.trees, paths, strict=True)
    }
    # Whoever has to resolve something takes its own side of the conflicting files.
    fixes = {
        task: Work(edit=_writes(user, tree, conflicts), files=conflicts)
        for task, tree, conflicts in zip(ids, oracle.trees, oracle.conflicts, strict=True)
    }
    plan = a_plan(*(planned(task[3:], critique_enabled=False) for task in ids))
    players = ScenarioAgents(plans=[plan], works=works, fixes=fixes)
    place = Place(user, config_changes={"verify_submissions": False})
    assert place.drive(players) is RunStatus.DONE

    asked = {
        job.task.id: tuple(str(finding.file_path) for finding in job.findings)
        for job in players.jobs
        if isinstance(job, FixJob) and job.source is FixSource.CONFLICT
    }
    clashes = zip(ids, oracle.conflicts, strict=True)
    assert asked == {task: conflicts for task, conflicts in clashes if conflicts}
    assert git(user, "rev-parse", "dispatch/r^{tree}") == oracle.last

    (receipt,) = place.run.receipts
    own = {work.task_id: work for work in receipt.work if not work.work}
    counted = [own[task].present + sum(one.hunks for one in own[task].replaced) for task in ids]
    assert counted == [_hunks(user, tree) for tree in oracle.trees]
    clashing = {path for conflicts in oracle.conflicts for path in conflicts}
    replaced = {one.path for work in receipt.work for one in work.replaced}
    assert replaced <= clashing  # so where nothing conflicts, every hunk is present


def _oracle(user: Path, case: str) -> Oracle:
    trees = tuple(_feature(user, case, number) for number in _features(case))
    tip, conflicts = git(user, "rev-parse", "main^{tree}"), list[tuple[str, ...]]()
    for tree in trees:
        merged, clashing = _merge(user, "main", tip, tree)
        conflicts.append(clashing)
        tip = _with(user, merged, tree, clashing)
    return Oracle(trees, tuple(conflicts), tip)


def _merge(user: Path, base: str, ours: str, theirs: str) -> tuple[str, tuple[str, ...]]:
    """The merged tree and the conflicting paths, as the program says."""
    sides = [git(user, "commit-tree", "-m", "side", "-p", base, tree) for tree in (ours, theirs)]
    words = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", *sides)
    done = subprocess.run(
        ["git", "-C", str(user), *words], check=False, capture_output=True, env=GIT_ENV
    )
    assert done.returncode in (0, 1), done.stderr
    tree, *paths = done.stdout.decode().split("\0")
    return tree, tuple(sorted(filter(None, paths)))


def _user(root: Path, case: str) -> Path:
    """A repository with the base of a case."""
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "apply", "--index", str(ORACLE / case / "base.patch"))
    git(root, "commit", "-q", "-m", "base")
    (root / ".git" / "info" / "exclude").write_text("/dispatch/\n", encoding="utf-8")
    return root


def _features(case: str) -> Sequence[int]:
    return range(1, len(list((ORACLE / case).glob("[0-9].patch"))) + 1)


def _feature(user: Path, case: str, number: int) -> str:
    """The tree of a feature, made without a trace in the files."""
    git(user, "apply", "--cached", str(ORACLE / case / f"{number}.patch"))
    tree = git(user, "write-tree")
    git(user, "read-tree", "main")
    return tree


def _with(user: Path, tree: str, source: str, paths: Sequence[str]) -> str:
    """A tree with some files as in another."""
    git(user, "read-tree", tree)
    for path in paths:
        blob = git(user, "rev-parse", f"{source}:{path}")
        git(user, "update-index", "--cacheinfo", f"100644,{blob},{path}")
    made = git(user, "write-tree")
    git(user, "read-tree", "main")
    return made


def _changed(user: Path, tree: str) -> tuple[str, ...]:
    return tuple(git(user, "diff", "--name-only", "main", tree).splitlines())


def _hunks(user: Path, tree: str) -> int:
    """How many runs of changed lines there are: without context each is a hunk of its own."""
    patch = git(user, "diff", "-U0", "--inter-hunk-context=0", "main", tree)
    return sum(line.startswith("@@ ") for line in patch.splitlines())


def _writes(user: Path, tree: str, paths: Sequence[str]) -> "_Writer":
    return _Writer(_contents(user, tree, tuple(paths)))


@frozen
class _Writer:
    """Writes files into a tree."""

    files: Mapping[str, bytes]

    def __call__(self, root: Path) -> None:
        for path, content in self.files.items():
            (root / path).write_bytes(content)


@cache
def _contents(user: Path, tree: str, paths: tuple[str, ...]) -> Mapping[str, bytes]:
    return {
        path: subprocess.run(
            ["git", "-C", str(user), "cat-file", "blob", f"{tree}:{path}"],
            check=True,
            capture_output=True,
            env=GIT_ENV,
        ).stdout
        for path in paths
    }
