"""Which changed files make a program run by itself: a table, and a slow oracle that agrees."""

from collections.abc import Mapping

import pytest
from attrs import evolve
from fakes.small_records import a_task
from hypothesis import given
from hypothesis import strategies as st

from dispatch.policy.executable_config import (
    ASKED_ABOUT,
    RULES,
    WHY,
    compared_paths,
    executable_changes,
    executable_of,
    is_named,
    kind_of,
    needs_word,
)
from dispatch.policy.what_runs import is_compared
from dispatch.state.enums import ChangeKind, ExecutableKind, FixSource
from dispatch.state.work import Evidence, ExecutableChange, FileChange, Fix, TaskOutput

FOUND: Mapping[str, ExecutableKind | None] = {
    ".husky/pre-commit": ExecutableKind.GIT_HOOKS,
    ".husky": ExecutableKind.GIT_HOOKS,
    "web/.husky/_/husky.sh": ExecutableKind.GIT_HOOKS,
    ".githooks/post-checkout": ExecutableKind.GIT_HOOKS,
    ".pre-commit-config.yaml": ExecutableKind.GIT_HOOKS,
    "sub/.gitattributes": ExecutableKind.GIT_ATTRIBUTES,
    ".gitmodules": ExecutableKind.SUBMODULES,
    "CLAUDE.md": ExecutableKind.AGENT_INSTRUCTIONS,
    "docs/AGENTS.md": ExecutableKind.AGENT_INSTRUCTIONS,
    ".cursor/rules/a.mdc": ExecutableKind.AGENT_INSTRUCTIONS,
    ".claude/settings.json": ExecutableKind.AGENT_SETTINGS,
    ".CLAUDE/settings.json": ExecutableKind.AGENT_SETTINGS,
    ".cl\u200daude/settings.json": ExecutableKind.AGENT_SETTINGS,
    ".claude./settings.json": ExecutableKind.AGENT_SETTINGS,
    ".mcp.json": ExecutableKind.AGENT_SETTINGS,
    ".vscode/mcp.json": ExecutableKind.AGENT_SETTINGS,
    ".aider.conf.yml": ExecutableKind.AGENT_SETTINGS,
    "dispatch-config.yaml": ExecutableKind.AGENT_SETTINGS,
    ".vscode/tasks.json": ExecutableKind.EDITOR,
    "web/.vscode/launch.json": ExecutableKind.EDITOR,
    ".devcontainer/devcontainer.json": ExecutableKind.EDITOR,
    ".idea/runConfigurations/a.xml": ExecutableKind.EDITOR,
    ".envrc": ExecutableKind.SHELL,
    ".github/workflows/ci.yml": ExecutableKind.CI,
    ".gitlab-ci.yml": ExecutableKind.CI,
    "Jenkinsfile": ExecutableKind.CI,
    "package.json": ExecutableKind.PACKAGE_SCRIPTS,
    "crates/a/build.rs": ExecutableKind.PACKAGE_SCRIPTS,
    "setup.py": ExecutableKind.PACKAGE_SCRIPTS,
    ".npmrc": ExecutableKind.PACKAGE_SCRIPTS,
    # Somebody has to start these by name.
    "Makefile": None,
    "Dockerfile": None,
    "conftest.py": None,
    "scripts/hooks.sh": None,
    "sub/.github/workflows/ci.yml": None,
    "lib/githooks/a": None,
    ".github/CODEOWNERS": None,
    "src/CLAUDE.md.txt": None,
    ".gitignore": None,
}


def modified(path: str) -> FileChange:
    """A change of one file."""
    return FileChange(path=path, kind=ChangeKind.MODIFIED)


def found(path: str, *, named: bool = False, kind: ChangeKind = ChangeKind.MODIFIED) -> str:
    """Whether the operator is asked about one change, and of which kind it is."""
    (only,) = executable_changes(
        [FileChange(path=path, kind=kind)], {}, f"Change {path}." if named else "Do it."
    )
    return f"{only.kind}: {'asked' if needs_word(only) else 'shown'}"


def test_each_path_has_the_kind_of_who_runs_it() -> None:
    """Also in other spellings that a file system takes for the same."""
    assert {path: kind_of(path) for path in FOUND} == FOUND


def test_every_kind_has_its_reason_and_every_rule_its_source() -> None:
    """The table is data that a reader can check."""
    assert set(WHY) == set(ExecutableKind) == {rule.kind for rule in RULES}
    assert all(rule.source and rule.patterns.split() for rule in RULES)
    patterns = [each for rule in RULES for each in rule.patterns.split()]
    assert len(patterns) == len(set(patterns))


def test_the_operator_is_asked_about_what_acts_on_his_machine_unplanned() -> None:
    """What the plan names, what only went, and what runs elsewhere is shown."""
    assert [
        found(".husky/pre-commit"),
        found(".husky/pre-commit", named=True),
        found(".husky/pre-commit", kind=ChangeKind.DELETED),
        found("AGENTS.md"),
        found(".vscode/tasks.json"),
        found(".github/workflows/ci.yml"),
        found(".envrc"),
    ] == [
        "git-hooks: asked",
        "git-hooks: shown",
        "git-hooks: shown",
        "agent-instructions: asked",
        "editor: asked",
        "ci: shown",
        "shell: shown",
    ]


@pytest.mark.parametrize(
    ("text", "is_meant"),
    [
        ("Write `.claude/settings.json`.", True),
        ("Edit ./.claude/settings.json.", True),
        ("Fill .claude/ with commands", True),
        ("Something with .claude in it", False),
        ("Edit web/.claude/settings.json", False),
        ("Edit .claude/settings.json.bak", False),
        ("Edit .claude/settings.jsonl", False),
        ("Edit my.claude/x", False),
        ("", False),
    ],
)
def test_a_plan_names_a_path_whole_or_its_folder(text: str, is_meant: bool) -> None:
    """A folder of ordinary files says nothing of what lies in it."""
    assert is_named(".claude/settings.json", text) is is_meant
    assert not is_named("src/AGENTS.md", "Change src/ as you like.")


def test_a_rename_is_told_as_gone_here_and_there_now() -> None:
    """Both names count."""
    change = FileChange(path=".envrc", kind=ChangeKind.RENAMED, old_path=".husky/pre-push")
    assert executable_changes([change], {}, "") == (
        ExecutableChange(
            path=".envrc", kind=ExecutableKind.SHELL, change=ChangeKind.RENAMED, named=False
        ),
        ExecutableChange(
            path=".husky/pre-push",
            kind=ExecutableKind.GIT_HOOKS,
            change=ChangeKind.DELETED,
            named=False,
        ),
    )


def test_a_file_that_is_compared_counts_only_where_what_it_runs_differs() -> None:
    """A new dependency is no program that runs by itself; an install script is one."""
    changes = [modified("package.json"), modified("web/package.json")]
    assert compared_paths(changes) == ("package.json", "web/package.json")
    contents = {
        "package.json": (b'{"scripts": {"test": "a"}}', b'{"scripts": {"test": "b"}}'),
        "web/package.json": (b"{}", b'{"scripts": {"postinstall": "node x.js"}}'),
    }
    assert executable_changes(changes, contents, "") == (
        ExecutableChange(
            path="web/package.json",
            kind=ExecutableKind.PACKAGE_SCRIPTS,
            change=ChangeKind.MODIFIED,
            details=("scripts.postinstall: nothing became 'node x.js'",),
            named=False,
        ),
    )


def test_of_a_task_each_file_is_told_as_its_last_repair_left_it() -> None:
    """Repairs count like the first submission."""
    first = executable_changes([modified(".envrc"), modified("CLAUDE.md")], {}, "")
    second = executable_changes([FileChange(path=".envrc", kind=ChangeKind.DELETED)], {}, "")
    evidence = Evidence(tree="2" * 40, changes=(), builds=(), commands=(), executable=first)
    output = TaskOutput(summary="", files_modified=(), deviations=(), notes="")
    fix = Fix(
        source=FixSource.CRITIQUE,
        round=1,
        base="1" * 40,
        output=output,
        evidence=evolve(evidence, executable=second),
        commit_time=0,
    )
    task = evolve(a_task("1a-x"), evidence=evidence, fixes=(fix,))
    assert executable_of(task) == (*second, first[1])
    assert executable_of(a_task("1a-x")) == ()


def naive_kind(path: str) -> ExecutableKind | None:
    """The oracle: every pattern, letter by letter, without any cleverness."""
    lower = path.lower()
    for rule in RULES:
        for pattern in rule.patterns.lower().split():
            wanted = pattern if "/" in pattern else f"**/{pattern}"
            if _naive(wanted.split("/"), lower.split("/")):
                return rule.kind
    return None


def _naive(pattern: list[str], names: list[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_naive(pattern[1:], names[skip:]) for skip in range(len(names) + 1))
    return bool(names) and _letters(pattern[0], names[0]) and _naive(pattern[1:], names[1:])


def _letters(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_letters(pattern[1:], name[skip:]) for skip in range(len(name) + 1))
    return name[:1] == pattern[0] and _letters(pattern[1:], name[1:])


NAMES = st.sampled_from(
    sorted(
        {
            name.replace("*", "x")
            for rule in RULES
            for pattern in rule.patterns.split()
            for name in pattern.split("/")
            if name != "**"
        }
        | {"src", "a.py", "deep", "README.md"}
    )
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(st.lists(PATHS, max_size=12, unique=True), st.randoms(use_true_random=False))
def test_random_trees_are_judged_as_by_a_naive_oracle_in_any_order(paths, random) -> None:  # type: ignore[no-untyped-def]
    """Nothing depends on the order in which git lists the changes."""
    changes = [modified(path) for path in paths]
    judged = executable_changes(changes, {}, "")
    expected = {
        path: kind
        for path in paths
        if (kind := naive_kind(path)) is not None and not is_compared(path)
    }
    assert {each.path: each.kind for each in judged} == expected
    assert [each.path for each in judged] == sorted(expected)
    assert {each.path for each in judged if needs_word(each)} == {
        path for path, kind in expected.items() if kind in ASKED_ABOUT
    }
    random.shuffle(changes)
    assert executable_changes(changes, {}, "") == judged
