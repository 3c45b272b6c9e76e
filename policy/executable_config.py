"""Executable configuration: changed files that make a program run without anybody starting it.

``RULES`` is the table.  A file belongs to the first rule that has its path.  Not in it is what only
runs when a person or a job starts it by name: a Makefile, a Dockerfile, tests and ``conftest.py``,
ordinary scripts.  They are the project's code, and every change of code would be listed with them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from attrs import frozen

from ..state.dot_git import as_file_systems_fold
from ..state.enums import ChangeKind, ExecutableKind
from ..state.glob import Segments
from ..state.records import Task
from ..state.work import ExecutableChange, FileChange
from .what_runs import changed_entries, is_compared

Contents = Mapping[str, tuple[bytes | None, bytes | None]]  # path -> before and after


@frozen
class Rule:
    """Files that something runs by itself.

    ``patterns`` are apart by spaces; one without ``/`` is a name in any folder, ``**/`` begins a
    path in any folder, all others begin at the root.  Upper and lower case are the same.
    """

    kind: ExecutableKind
    patterns: str
    source: str


WHY: Final[Mapping[ExecutableKind, str]] = {
    ExecutableKind.GIT_HOOKS: "git, or what manages its hooks, runs it at a commit or checkout",
    ExecutableKind.GIT_ATTRIBUTES: "it names filters or drivers that git runs on files",
    ExecutableKind.SUBMODULES: "it says which foreign repositories git fetches and updates",
    ExecutableKind.AGENT_SETTINGS: "it gives coding agents hooks, tool servers or permissions",
    ExecutableKind.AGENT_INSTRUCTIONS: "coding agents take it for instructions",
    ExecutableKind.EDITOR: "an editor runs tasks, tools or containers that it names",
    ExecutableKind.SHELL: "a shell, debugger or interpreter started here loads it",
    ExecutableKind.CI: "a CI or hosting service runs it with secrets of its own",
    ExecutableKind.PACKAGE_SCRIPTS: "a package manager or build tool runs it as it installs",
}

# They act with the operator's rights at an everyday act (a commit, a folder opened, an agent
# started), and nobody asks him again then.  The others are asked about by what runs them, run
# where his rights are not, or are the ordinary business of a task.
ASKED_ABOUT: Final = frozenset(
    {
        ExecutableKind.GIT_HOOKS,
        ExecutableKind.AGENT_SETTINGS,
        ExecutableKind.AGENT_INSTRUCTIONS,
        ExecutableKind.EDITOR,
    }
)

RULES: Final = (
    Rule(
        ExecutableKind.GIT_HOOKS,
        ".githooks/** .git-hooks/** git-hooks/** githooks/** .hooks/**",
        "githooks(5), core.hooksPath: the usual names of its folder",
    ),
    Rule(
        ExecutableKind.GIT_HOOKS,
        "**/.husky/** .huskyrc* .pre-commit-config.yaml .pre-commit-config.yml "
        ".pre-commit-hooks.yaml lefthook.yml lefthook.yaml lefthook.toml lefthook.json "
        ".lefthook.yml .lefthook.yaml lefthook-local.yml .lefthook/** .overcommit.yml "
        ".git-hooks.toml .simple-git-hooks.* simple-git-hooks.* .lintstagedrc* "
        "lint-staged.config.*",
        "manuals of husky, pre-commit, lefthook, overcommit, simple-git-hooks, lint-staged",
    ),
    Rule(ExecutableKind.GIT_ATTRIBUTES, ".gitattributes", "gitattributes(5): filter, diff, merge"),
    Rule(ExecutableKind.SUBMODULES, ".gitmodules", "gitmodules(5): url, update"),
    Rule(
        ExecutableKind.AGENT_INSTRUCTIONS,
        "CLAUDE.md CLAUDE.local.md AGENTS.md AGENTS.override.md AGENT.md GEMINI.md QWEN.md "
        "WARP.md .rules .cursorrules .windsurfrules .clinerules .clinerules/** .roorules "
        ".goosehints **/.cursor/rules/** .github/copilot-instructions.md "
        ".github/instructions/** .github/prompts/** .github/agents/** .github/chatmodes/**",
        "manuals of the agents: files that are put before every conversation",
    ),
    Rule(
        ExecutableKind.AGENT_SETTINGS,
        "**/.claude/** **/.codex/** **/.gemini/** **/.cursor/** **/.opencode/** **/.windsurf/** "
        "**/.continue/** **/.roo/** **/.kiro/** **/.amazonq/** **/.junie/** **/.agents/** "
        "**/.qwen/** .mcp.json mcp.json .roomodes opencode.json opencode.jsonc crush.json "
        ".crush.json .aider* **/.claude-plugin/** .vscode/mcp.json",
        "manuals of the agents: hooks, MCP servers, permissions, commands",
    ),
    Rule(
        ExecutableKind.AGENT_SETTINGS,
        "dispatch-config.yaml",
        "README.md: the build gate and set-up commands of the next run",
    ),
    Rule(
        ExecutableKind.EDITOR,
        "**/.vscode/** *.code-workspace **/.devcontainer/** .devcontainer.json **/.idea/** "
        "**/.run/** **/.fleet/** **/.zed/** **/.vs/** *.sublime-project .dir-locals.el "
        ".dir-locals-2.el .exrc .vimrc .nvimrc .nvim.lua .lvimrc .gitpod.yml",
        "manuals of the editors: tasks on folderOpen, startup tasks, exrc, local variables",
    ),
    Rule(
        ExecutableKind.SHELL,
        ".envrc .autoenv .autoenv.zsh mise.toml .mise.toml mise.local.toml "
        ".mise.local.toml .mise/** mise/config.toml .config/mise/** .gdbinit .lldbinit .pdbrc "
        ".pythonrc sitecustomize.py usercustomize.py .irbrc .pryrc .Rprofile",
        "direnv(1), mise, gdb(1), site (Python), irb, Startup (R)",
    ),
    Rule(
        ExecutableKind.CI,
        ".github/workflows/** .github/actions/** action.yml action.yaml .gitlab-ci.yml "
        ".gitlab-ci.yaml .gitlab/ci/** .circleci/** Jenkinsfile Jenkinsfile.* *.jenkinsfile "
        "azure-pipelines*.yml azure-pipelines*.yaml .azure-pipelines/** .azuredevops/** "
        ".buildkite/** bitbucket-pipelines.yml .travis.yml .drone.yml .drone.star .drone.jsonnet "
        ".woodpecker.yml .woodpecker.yaml .woodpecker/** .cirrus.yml .cirrus.star appveyor.yml "
        ".appveyor.yml .teamcity/** .semaphore/** .tekton/** .forgejo/workflows/** "
        ".gitea/workflows/** .builds/** .build.yml cloudbuild.yaml cloudbuild.yml buildspec.yml "
        "codemagic.yaml wercker.yml netlify.toml vercel.json .readthedocs.yaml .readthedocs.yml",
        "manuals of the services: where each reads its pipeline",
    ),
    Rule(
        ExecutableKind.PACKAGE_SCRIPTS,
        "package.json .npmrc .yarnrc .yarnrc.yml .yarn/releases/** .yarn/plugins/** "
        ".pnp.cjs .pnp.loader.mjs .pnpmfile.cjs .pnpmfile.mjs pnpmfile.js binding.gyp bunfig.toml",
        "npm scripts (life cycle), npmrc(5), Yarn, pnpm, node-gyp, Bun",
    ),
    Rule(
        ExecutableKind.PACKAGE_SCRIPTS,
        "setup.py pyproject.toml",
        "PEP 517: build backends run as a package is installed",
    ),
    Rule(
        ExecutableKind.PACKAGE_SCRIPTS,
        "build.rs Cargo.toml **/.cargo/** rust-toolchain rust-toolchain.toml",
        "The Cargo Book: build scripts, wrappers, linkers; rustup: toolchains by path",
    ),
    Rule(
        ExecutableKind.PACKAGE_SCRIPTS,
        "extconf.rb **/.bundle/** gradle-wrapper.properties gradle-wrapper.jar **/.mvn/**",
        "Bundler, Gradle and Maven: what is loaded or fetched before a build begins",
    ),
)


def kind_of(path: str, hooks: str = "") -> ExecutableKind | None:
    """The kind of the first rule that has a path; null: it is an ordinary file.

    ``hooks`` is the folder that the user's git takes its hooks from, if it lies in the tree.
    """
    names = _folded(path)
    if hooks and names[: len(_folded(hooks))] == _folded(hooks):
        return ExecutableKind.GIT_HOOKS
    return next((kind for kind, pattern in _patterns() if pattern.matches(names)), None)


def compared_paths(changes: Iterable[FileChange]) -> tuple[str, ...]:
    """The changed paths whose content is needed before and after, sorted."""
    return tuple(sorted({path for path, _ in _touched(changes) if is_compared(path)}))


def executable_changes(
    changes: Sequence[FileChange], contents: Contents, asked_for: str, hooks: str = ""
) -> tuple[ExecutableChange, ...]:
    """Which changes are executable configuration, sorted by path.

    ``contents`` has each of ``compared_paths`` before and after the change (null: it is not there);
    such a file counts only where what it runs differs.  ``asked_for`` is the text of the task: its
    objective and plan; ``hooks`` as in ``kind_of``.
    """
    found = {}
    for path, change in _touched(changes):
        kind = kind_of(path, hooks)
        if kind is None:
            continue
        details: tuple[str, ...] = ()
        if is_compared(path) and kind is not ExecutableKind.GIT_HOOKS:
            details = changed_entries(path, *contents.get(path, (None, None)))
            if not details:
                continue
        found[path] = ExecutableChange(
            path=path,
            kind=kind,
            change=change,
            details=details,
            named=is_named(path, asked_for, hooks),
        )
    return tuple(found[path] for path in sorted(found))


def executable_of(task: Task) -> tuple[ExecutableChange, ...]:
    """The executable configuration that a task and its repairs changed, sorted by path.

    What was changed more than once is told as it was changed last.
    """
    works = (task.evidence, *(fix.evidence for fix in task.fixes))
    last = {each.path: each for work in works if work is not None for each in work.executable}
    return tuple(last[path] for path in sorted(last))


def needs_word(change: ExecutableChange) -> bool:
    """Whether the operator is asked: of some kinds, unless the plan names it or it only went."""
    is_there = change.change is not ChangeKind.DELETED
    return is_there and not change.named and change.kind in ASKED_ABOUT


def is_named(path: str, asked_for: str, hooks: str = "") -> bool:
    """Whether a text names a path whole, or with a ``/`` a folder of it of the same kind."""
    names = path.split("/")
    folders = ("/".join(names[:end]) for end in range(1, len(names)))
    kind = kind_of(path, hooks)
    return _stands_in(asked_for, path, "") or any(
        _stands_in(asked_for, folder, "/") for folder in folders if kind_of(folder, hooks) is kind
    )


def _touched(changes: Iterable[FileChange]) -> Iterator[tuple[str, ChangeKind]]:
    """Every path with what happened to it; of a rename the old one is gone."""
    for change in changes:
        if change.kind is ChangeKind.RENAMED and change.old_path is not None:
            yield change.old_path, ChangeKind.DELETED
        yield change.path, change.kind


def _stands_in(text: str, path: str, end: str) -> bool:
    """Whether a path stands in a text, and is not a part of a longer one."""
    wanted, at = path + end, -1
    while (at := text.find(wanted, at + 1)) >= 0:
        before = text[:at].removesuffix("./")[-1:]
        after = text[at + len(wanted) : at + len(wanted) + 2]
        continues = after[:1].isalnum() or after[:1] in {"_", "-", "/"}
        has_suffix = after[:1] == "." and after[1:].isalnum()
        is_tail = before.isalnum() or before in {"_", "-", "/", "."}
        if not (is_tail or continues or has_suffix):
            return True
    return False


def _folded(path: str) -> list[str]:
    return [as_file_systems_fold(name) for name in path.split("/")]


@cache
def _patterns() -> tuple[tuple[ExecutableKind, Segments], ...]:
    return tuple(
        (rule.kind, Segments(pattern.casefold(), "/" not in pattern))
        for rule in RULES
        for pattern in rule.patterns.split()
    )
