"""What a run is refused for before anything is made: one sentence, what to do, an exit code."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from attrs import frozen
from fakes.git_repos import User, a_user

from dispatch.cli import main
from dispatch.state.config_file import UNFILLED_GATE
from dispatch.state.spec_file import UNFILLED_SPEC
from dispatch.wiring import prepare_start

NOW = "2026-01-02T03:04:05.678Z"
KEY_VARIABLE = "DISPATCH_REFUSALS_KEY"  # nobody sets it
ROLES = ("planner", "implementer", "critic", "gateCritic", "greybeard", "attribution", "fixAgent")
CONFIG = "buildGate: [make test]\nmodelConfig:\n" + "".join(f"  {role}: m\n" for role in ROLES)
SCRIPT = "script.yaml"  # in the user's home
PROVIDER = f"""\
provider:
  baseURL: https://models.example.org/v1
  adapter: openai
  apiKeyEnv: {KEY_VARIABLE}
"""
WRONG = """\
buildGate: make test
modelConfig:
  planer: m
  implementer: m
  critic: m
  gateCritic: m
  greybeard: m
  attribution: m
  fixAgent: ""
provider:
  baseURL: ftp://models.example.org
  adapter: opnai
maxParalel: 3
commitStrategy: grouped
limits:
  turns: many
"""
INIT_HINT = "Correct it, then start again; `dispatch init` writes a file to start from."
SPEC_HINT = "Write what is to be done into it; `dispatch init` makes one to start from."
GRAMMAR = (
    "a name starts with a lowercase letter or a digit, followed by lowercase letters, digits, "
    "dots, underscores and hyphens."
)

Make = Callable[[User], Path]


@frozen(kw_only=True)
class Refusal:
    """A user's situation, the command that is given in it, and the whole answer.

    ``make`` brings the situation about and returns the repository's folder, ``{root}`` in the
    answer; ``{head}`` is its commit and ``{tip}`` the one before.
    """

    make: Make
    arguments: tuple[str, ...] = ("run", "x")
    says: str


def _files(**files: str) -> Make:
    """Other files than those that allow a run."""
    names = {"spec": "spec.md", "config": "dispatch-config.yaml"}

    def make(user: User) -> Path:
        user.write({names[key]: text for key, text in files.items()})
        return user.root

    return make


def _without(name: str) -> Make:
    def make(user: User) -> Path:
        (user.root / name).unlink()
        return user.root

    return make


def _no_repository(user: User) -> Path:
    path = user.home / "elsewhere"
    path.mkdir()
    return path


def _no_commits(user: User) -> Path:
    user.git("init", "--quiet", str(user.home / "empty"))
    return user.home / "empty"


def _diverged(user: User) -> None:
    """A branch ``other`` that conflicts with ``main``."""
    user.git("checkout", "--quiet", "-b", "other")
    user.write({"a.txt": "theirs\n"})
    user.commit("theirs")
    user.git("checkout", "--quiet", "main")
    user.write({"a.txt": "ours\n"})
    user.commit("ours")


def _stopped(*command: str) -> Make:
    """A git command that stops at a conflict."""

    def make(user: User) -> Path:
        _diverged(user)
        with pytest.raises(AssertionError, match=r"^git "):
            user.git(*command)
        return user.root

    return make


def _clone(*options: str) -> Make:
    def make(user: User) -> Path:
        user.commit("one more")
        user.git("config", "uploadpack.allowFilter", "true")
        user.git("clone", "--quiet", *options, f"file://{user.root}", str(user.home / "clone"))
        return user.home / "clone"

    return make


def _sha256(user: User) -> Path:
    path = user.home / "long-names"
    user.git("init", "--quiet", "--object-format=sha256", str(path))
    user.git("commit", "--quiet", "--allow-empty", "-m", "base", cwd=path)
    return path


def _as_it_is(user: User) -> Path:
    return user.root


def _foreign_branch(user: User) -> Path:
    user.git("branch", "dispatch/x")
    user.commit("one more")
    return user.root


def _checked_out(user: User) -> Path:
    user.git("worktree", "add", "--quiet", "-b", "dispatch/x", str(user.home / "look"))
    return user.root


REFUSALS: Mapping[str, Refusal] = {
    "no repository": Refusal(
        make=_no_repository,
        says="{root} is not a git repository. "
        "Run `git init` there and make a first commit, or name another folder.",
    ),
    "no commits": Refusal(make=_no_commits, says="{root} has no commits. Make a first commit."),
    "an unfinished merge": Refusal(
        make=_stopped("merge", "other"),
        says="A merge is unfinished in {root}. Finish or abort it first.",
    ),
    "an unfinished rebase": Refusal(
        make=_stopped("rebase", "other"),
        says="A rebase is unfinished in {root}. Finish or abort it first.",
    ),
    "an unfinished cherry-pick": Refusal(
        make=_stopped("cherry-pick", "other"),
        says="A cherry-pick is unfinished in {root}. Finish or abort it first.",
    ),
    "a shallow clone": Refusal(
        make=_clone("--depth=1"),
        says="{root} is a shallow clone. Run `git fetch --unshallow` first.",
    ),
    "a partial clone": Refusal(
        make=_clone("--filter=blob:none"),
        says="{root} is a partial clone: some of its objects are only at the remote. "
        "Use a full clone.",
    ),
    "SHA-256": Refusal(
        make=_sha256,
        says="{root} uses SHA-256 object names. Use a repository with SHA-1 names.",
    ),
    "no spec": Refusal(
        make=_without("spec.md"), says=f"There is no spec {{root}}/spec.md. {SPEC_HINT}"
    ),
    "no such spec": Refusal(
        make=_as_it_is,
        arguments=("run", "x", "--spec", "/nowhere/todo.md"),
        says=f"There is no spec /nowhere/todo.md. {SPEC_HINT}",
    ),
    "a folder as the spec": Refusal(
        make=_as_it_is,
        arguments=("run", "x", "--spec", "/"),
        says="The spec / is a folder. Name a file of text.",
    ),
    "a device as the spec": Refusal(
        make=_as_it_is,
        arguments=("run", "x", "--spec", "/dev/null"),
        says="The spec /dev/null is no regular file. Name a file of text.",
    ),
    "an empty spec": Refusal(
        make=_files(spec=" \n\n"), says=f"The spec {{root}}/spec.md is empty. {SPEC_HINT}"
    ),
    "a spec that was not written": Refusal(
        make=_files(spec=UNFILLED_SPEC),
        says="The spec {root}/spec.md is as `dispatch init` wrote it. "
        "Write into it what is to be done.",
    ),
    "a gate that was not filled in": Refusal(
        make=_files(config=CONFIG.replace("[make test]", json.dumps([UNFILLED_GATE]))),
        says="buildGate in dispatch-config.yaml is not filled in yet. "
        "Name the commands that must succeed for the tree to be good, such as `make test`.",
    ),
    "a spec that would be cut": Refusal(
        make=_files(spec="x" * (1024 * 1024 + 1)),
        says="The spec {root}/spec.md is larger than 1 MiB. "
        "Keep what is to be done, and leave the rest in files beside it.",
    ),
    "no configuration": Refusal(
        make=_without("dispatch-config.yaml"),
        says="There is no {root}/dispatch-config.yaml. `dispatch init` writes one to start from.",
    ),
    "a configuration with every kind of mistake": Refusal(
        make=_files(config=WRONG),
        says=f"""\
invalid dispatch-config YAML: {{root}}/dispatch-config.yaml
  {{root}}/dispatch-config.yaml:1: buildGate: 'make test' is not a list
  {{root}}/dispatch-config.yaml:2: modelConfig.planner: is missing
  {{root}}/dispatch-config.yaml:3: modelConfig.planer: is not known; did you mean planner?
  {{root}}/dispatch-config.yaml:9: modelConfig.fixAgent: is blank
  {{root}}/dispatch-config.yaml:11: provider.baseURL: 'ftp://models.example.org' is not an http or \
https URL
  {{root}}/dispatch-config.yaml:12: provider.adapter: 'opnai' is not one of anthropic, openai, \
openai-compatible
  {{root}}/dispatch-config.yaml:13: maxParalel: is not known; did you mean maxParallel?
  {{root}}/dispatch-config.yaml:14: commitStrategy: is "grouped", but is locked to "per-task": \
remove the key or fix it
  {{root}}/dispatch-config.yaml:16: limits.turns: 'many' is not a whole number
{INIT_HINT}""",
    ),
    "no key at the endpoint": Refusal(
        make=_files(config=CONFIG + PROVIDER),
        says="No key for m at https://models.example.org/v1 (used by planner, implementer, critic, "
        "gateCritic, greybeard, attribution, fixAgent): the environment variable "
        f"{KEY_VARIABLE} is not set. Set {KEY_VARIABLE} and start again.",
    ),
    "no key of a provider's": Refusal(
        make=_files(config=CONFIG.replace(": m\n", ": anthropic/claude-opus-4-5\n")),
        says="No key for anthropic/claude-opus-4-5 (used by planner, implementer, critic, "
        "gateCritic, greybeard, attribution, fixAgent): the environment variable "
        "ANTHROPIC_API_KEY is not set. Set ANTHROPIC_API_KEY and start again.",
    ),
    "a model that nobody offers": Refusal(
        make=_files(config=CONFIG),
        says="Nobody is known to offer the model m (used by planner, implementer, critic, "
        "gateCritic, greybeard, attribution, fixAgent). Write it as litellm does, such as "
        "anthropic/NAME, or configure a provider.",
    ),
    "a script that is not there": Refusal(
        make=_files(config=CONFIG.replace(": m\n", ": scripted:/nowhere/script.yaml\n")),
        says="/nowhere/script.yaml: cannot be read as a script: No such file or directory.",
    ),
    "a bad name": Refusal(
        make=_as_it_is,
        arguments=("run", "../x"),
        says=f"A run cannot be named '../x': {GRAMMAR} Choose another name.",
    ),
    "an empty name": Refusal(
        make=_as_it_is,
        arguments=("run", ""),
        says=f"A run cannot be named '': {GRAMMAR} Choose another name.",
    ),
    "an empty name of a run that is to be there": Refusal(
        make=_as_it_is,
        arguments=("status", ""),
        says=f"A run cannot be named '': {GRAMMAR}",
    ),
    "a name that would move the cursor": Refusal(
        make=_as_it_is,
        arguments=("clean", "\x1b[2J\x07x"),
        says=f"A run cannot be named '\\x1b[2J\\x07x': {GRAMMAR}",
    ),
    "a verb as the name": Refusal(
        make=_as_it_is,
        arguments=("run", "status"),
        says="A run cannot be named 'status', because that is a command. Choose another name.",
    ),
    "a foreign branch": Refusal(
        make=_foreign_branch,
        says="Branch dispatch/x already exists at {tip}, not at {head}: refusing to clobber it. "
        "Rename or delete the branch, or give the run another name.",
    ),
    "a branch that is checked out": Refusal(
        make=_checked_out,
        says="Branch dispatch/x is checked out at {home}/look, where it must not move. "
        "Check out another branch there, or give the run another name.",
    ),
}


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """A user whose repository and settings allow a run."""
    user = a_user(tmp_path)
    monkeypatch.setenv("HOME", str(user.home))
    for name in ("XDG_CONFIG_HOME", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (user.home / SCRIPT).write_text("rules: []\n")
    played = CONFIG.replace(": m\n", f": scripted:{user.home / SCRIPT}\n")
    user.write({"spec.md": "# Do it\n", "dispatch-config.yaml": played})
    user.commit("ready")
    return user


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_what_does_not_allow_a_run_is_refused_before_anything_is_made(
    user: User, capsys: pytest.CaptureFixture[str], refusal: Refusal
) -> None:
    """[CLI-04] [W-41] The whole answer, and not a file or a ref more than before."""
    root = refusal.make(user)
    before = _everything(root)
    code = main([*refusal.arguments, "--repo", str(root)])
    said = capsys.readouterr()
    sentence = refusal.says.format(
        root=root, home=user.home, head=user.head, tip=user.git("rev-parse", "HEAD~")
    )
    assert (code, said.out, said.err) == (2, "", f"dispatch: {sentence}\n")
    assert _everything(root) == before


def test_what_is_not_committed_is_named_unless_it_is_read_as_it_is(user: User) -> None:
    settings = (user.root / "dispatch-config.yaml").read_text()
    named = {"other.md": "# Do it\n", "new": "", "dispatch-config.yaml": f"{settings}# more\n"}
    user.write({**named, "dispatch-config.schema.json": "{}"})

    def warnings(spec: Path | None) -> tuple[str, ...]:
        return prepare_start(user.root, name="x", spec=spec, skip_baseline=False).warnings

    sentence = f"The run starts from {user.git('rev-parse', 'HEAD')[:12]}; "
    sentence += "uncommitted changes are not taken: "
    assert warnings(None) == (f"{sentence}new, other.md.",)
    assert warnings(user.root / "other.md") == (f"{sentence}new.",)


def test_a_run_in_the_hands_of_another_process_is_refused(
    user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    """[CLI-10] The refusal names the process; once it is gone, its lock is nobody's."""
    folder = user.root / "dispatch" / "x"
    holding = (
        "import sys; from pathlib import Path; from dispatch.state.lock import hold\n"
        f"with hold(Path(sys.argv[1]), {NOW!r}): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", holding, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        code = main(["run", "x", "--repo", str(user.root)])
    said = capsys.readouterr()
    assert (code, said.out, said.err) == (
        5,
        "",
        f"dispatch: Run x is in the hands of process {other.pid} on {socket.gethostname()}, "
        f"started {NOW}. Wait for it, or stop it, which keeps its work: dispatch stop x\n",
    )
    assert [path.name for path in folder.iterdir()] == ["lock"]
    assert user.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def _everything(root: Path) -> dict[str, bytes]:
    """All files below a folder with their content, git's own among them."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("given", ["soon", "-1", "nan"])
def test_a_time_that_is_none_is_told_what_one_is(
    given: str, user: User, cli: Callable[..., tuple[int, str, str]]
) -> None:
    said = f"dispatch: Argument --grace: {given!r} is not a number from 0 to 3600."
    code, out, err = cli("run", "x", f"--grace={given}")
    assert (code, out, err) == (2, "", f"{said} See `dispatch run --help`\n")
